export { type SimulatedClock, simulatedClock } from './simulated-clock.js'
export { sequentialIds } from './sequential-ids.js'
export {
  type StorageConformanceCase,
  type StorageConformanceOptions,
  type StorageConformanceTarget,
  storageConformance,
} from './storage-conformance.js'
export {
  type BridgeConformanceCase,
  type BridgeConformanceOptions,
  type BridgeNetwork,
  bridgeConformance,
} from './bridge-conformance.js'
export {
  type ExecutorConformanceCase,
  type ExecutorConformanceOptions,
  executorConformance,
} from './executor-conformance.js'
export { conformanceTasks } from './conformance-tasks.js'
export {
  type FaultInjectingDriver,
  type FaultPlan,
  type StorageCall,
  type StorageFault,
  faultInjecting,
} from './fault-injecting.js'
export {
  type CompareTimelinesOptions,
  type TimelineComparison,
  type TimelineDifference,
  compareTimelines,
} from './compare-timelines.js'
