/**
 * `busline/workers`: runners on worker threads, Web Workers or this thread, under one manager. Free of Node's modules
 * and of the DOM; the hosts that need them are in `busline/workers/node` and `busline/workers/web`. Guide: `docs/workers.md`.
 */
export {
  type ExecutionProfile,
  LOAD_EXECUTORS,
  type LoadExecutor,
  type LoadStage,
} from './execution-profile.js'
export {
  type IterationContext,
  type RunnerClass,
  type RunnerContext,
  type RunnerDefinition,
  type RunnerInstance,
  type RunnerObject,
  type RunnerTelemetry,
  type ShapeFunction,
  type ShapeTarget,
  type ShapeTick,
  defineRunner,
} from './runner.js'
export type { RunnerOptions, RunnerUpdate } from './runner-options.js'
export {
  RUNNER_COMMANDS,
  RUNNER_STATES,
  type RunnerCommand,
  type RunnerOccurrence,
  type RunnerState,
  type StateChange,
} from './runner-state.js'
export type { RunnerCounters, TelemetrySnapshot } from './telemetry/telemetry-snapshot.js'
export { transfer } from './transfer.js'
export type {
  HostExit,
  HostOpenOptions,
  HostResourceLimits,
  WorkerHost,
  WorkerHostFactory,
} from './worker-host.js'
