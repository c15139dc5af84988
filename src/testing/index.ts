export { type SimulatedClock, simulatedClock } from './simulated-clock.js'
export { sequentialIds } from './sequential-ids.js'
export {
  type StorageConformanceCase,
  type StorageConformanceOptions,
  type StorageConformanceTarget,
  storageConformance,
} from './storage-conformance.js'
