/**
 * `busline/workers`: runners on worker threads, Web Workers or this thread, under one manager. Free of Node's modules
 * and of the DOM; the hosts that need them are in `busline/workers/node` and `busline/workers/web`. Guide: `docs/workers.md`.
 */
export type { ArchiveEntry, ArchiveFilter } from './manager/archive-manager.js'
export {
  type ExecutionProfile,
  LOAD_EXECUTORS,
  type LoadExecutor,
  type LoadStage,
} from './runner/execution-profile.js'
export { type WorkerExecutorOptions, workerExecutor } from './executor/worker-executor.js'
export { inProcessHost } from './hosts/in-process-host.js'
export { loadChart } from './load/load-chart.js'
export { LoadMetrics, type LoadTotals, type StageMetrics } from './load/load-metrics.js'
export type { LoadInterval, LoadSeries } from './load/load-series.js'
export type { LoadSummary } from './load/load-summary.js'
export { type LoadProgress, type RunLoadOptions, runLoad } from './load/run-load.js'
export type { Threshold, ThresholdMetric, ThresholdResult, Thresholds } from './load/thresholds.js'
export {
  PLACEMENTS,
  type Placement,
  type PlacementCandidate,
  type PlacementName,
} from './manager/placement.js'
export {
  type PublishRunnerEventsOptions,
  type PublishedTelemetry,
  type RunnerBusEvents,
  publishRunnerEvents,
  untilRunnerEnds,
} from './workflows/publish-runner-events.js'
export type { WorkerErrorReason } from './runner/runner-errors.js'
export { RunnerHandle } from './manager/runner-handle.js'
export type { RunnerOptions, RunnerUpdate } from './runner/runner-options.js'
export { type RunnerService, runnerService } from './workflows/runner-service.js'
export {
  RUNNER_COMMANDS,
  RUNNER_STATES,
  type RunnerCommand,
  type RunnerOccurrence,
  type RunnerState,
  type StateChange,
} from './runner/runner-state.js'
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
} from './runner/runner.js'
export type { TaskHost, TaskHosts } from './executor/task-hosts.js'
export {
  type EncodedHistogram,
  LatencyHistogram,
  type LatencySummary,
} from './telemetry/latency-histogram.js'
export type { RunnerCounters, TelemetrySnapshot } from './telemetry/telemetry-snapshot.js'
export { transfer } from './messages/transfer.js'
export type { WorkerScript } from './worker/serve-port.js'
export type { CommandReply } from './manager/worker-command-coordinator.js'
export { WorkerHandle } from './manager/worker-handle.js'
export type {
  HostExit,
  HostOpenOptions,
  HostResourceLimits,
  WorkerHost,
  WorkerHostFactory,
} from './hosts/worker-host.js'
export type { WorkerStatus } from './manager/worker-instance.js'
export type { RunnerEvents, ThresholdBreach, WorkerManagerEvents } from './manager/worker-manager-events.js'
export type {
  CallHandler,
  HeartbeatOptions,
  RestartOptions,
  WorkerManagerOptions,
} from './manager/worker-manager-options.js'
export { WorkerManager } from './manager/worker-manager.js'
export type { AddWorkerOptions } from './manager/worker-options.js'
export type { RunnerCore, WorkerCore } from './manager/worker-registry.js'
export { type WorkflowCall, type WorkflowCallAnswer, workflowCalls } from './workflows/workflow-calls.js'
