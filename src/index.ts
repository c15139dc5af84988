export { type Clock, systemClock } from './core/clock.js'
export { type Duration, toMs } from './core/duration.js'
export { type IdSource } from './core/ids.js'
export {
  ERROR_CODES,
  type ErrorCode,
  type ErrorContext,
  type Issue,
  SystemError,
  type SystemErrorOptions,
  type SerializedError,
  isSystemError,
  reviveError,
  serializeError,
} from './core/system-error.js'

// Events and the bus
export type { BusEvent, EventMap, EventMeta, EventOf, EventType } from './core/bus-event.js'
export type { StandardSchema } from './core/standard-schema.js'
export { createEventBus } from './bus/create-event-bus.js'
export type {
  AnyEventBus,
  Delivered,
  EventBus,
  EventBusOptions,
  EventSchemas,
  Subscribable,
  Unsubscribe,
  WaitForOptions,
} from './bus/event-bus.js'
export type { BusFault, SystemEvents, WithSystemEvents } from './bus/system-events.js'
export {
  type CloudEvent,
  type FromCloudEventOptions,
  fromCloudEvent,
  toCloudEvent,
} from './bus/cloud-event.js'
export type { BridgeConnection, BridgeOptions, BusBridge } from './bus/bus-bridge.js'
export { type BroadcastChannelBridgeOptions, broadcastChannelBridge } from './bus/broadcast-channel-bridge.js'

// Pipelines
export {
  type AnyPipeline,
  type ChildResult,
  type PipelineDefinition,
  type RouterContext,
  type StageDefinition,
  type StepAction,
  type StepDefinition,
  type StepOptions,
  type StepOutput,
  type TaskStep,
  definePipeline,
} from './pipeline/pipeline-definition.js'
export {
  type Instruction,
  type OnRestore,
  type PauseOptions,
  advance,
  jump,
  jumpTo,
  pause,
  terminate,
} from './pipeline/instruction.js'
export { type Address, formatAddress } from './pipeline/address.js'
export type { PipelineCheckpoint, PipelineStatus } from './pipeline/checkpoint.js'
export type { ResumeCause } from './pipeline/resume-cause.js'
export type { RetryPolicy } from './pipeline/retry-policy.js'
export type { StepContext } from './pipeline/step-context.js'
export type { Condition, ConditionOperator, WatchDescriptor } from './pipeline/watch-descriptor.js'
export type { Logger } from './core/logger.js'
export type { Result } from './core/result.js'

// Steps that run elsewhere
export type { StepExecutor, StepTask, TaskContext, TaskControl, TaskFunction } from './core/step-executor.js'
export { localExecutor } from './core/local-executor.js'

// Services
export { ArtifactContainer } from './container/artifact-container.js'
export type { ServicesInput } from './container/service-templates.js'
export type { Dependencies } from './container/dependencies.js'
export type { Env } from './runtime/env.js'
export type { PauseService } from './runtime/waiting/pause-service.js'

// The runtime
export { WorkflowRuntime } from './runtime/workflow-runtime.js'
export type {
  DispatchReport,
  ForkOptions,
  RegistrationInfo,
  StopOptions,
  WorkflowRuntimeOptions,
} from './runtime/runtime-options.js'
export {
  type EventTrigger,
  type RunCheckpoint,
  type ScheduleTrigger,
  type TriggerDefinition,
  type WorkflowDefinition,
  defineWorkflow,
} from './runtime/workflow-definition.js'
export {
  type BuilderOptions,
  type ForEachOptions,
  type WaitOptions,
  type WaitResult,
  type WorkflowBuilder,
  workflow,
} from './runtime/workflow-builder.js'
export type { RegistrationOptions } from './runtime/registration-options.js'
export type { ModeOptions } from './runtime/modes/create-mode.js'
export type { DispatchOutcome, DispatchQuery, DispatchResult } from './runtime/receipts.js'
export type { RunHookContext, RunHooks } from './runtime/run-hooks.js'
export type { RunInfo, RunMetadata, RunResult, RunStatus } from './runtime/run-result.js'
export type { RunEventPayload } from './runtime/run-events.js'

// Storage
export { memoryStorage } from './storage/memory-storage.js'
export { StoreRegistry } from './runtime/durable/store-registry.js'
export type { ScanOptions, StorageDriver, StorageOperation, StorageRecord } from './storage/storage-driver.js'
export type { RecoveryReport } from './runtime/durable/recovery.js'
export type { MigrationCheckOptions, MigrationReport, StuckRun } from './runtime/durable/check-migrations.js'
export type { PruneReport, RetentionOptions } from './runtime/durable/retention-options.js'
export type { RunBundle } from './runtime/run-bundle.js'

// Timelines
export { MemoryTimelineStore } from './timeline/memory-timeline-store.js'
export { TimelinePlayer } from './timeline/timeline-player.js'
export type { RedactPath } from './timeline/redaction.js'
export type {
  PruneOptions,
  RunFilter,
  RunPage,
  RunTimelineMeta,
  TimelinePosition,
  TimelineStatus,
  TimelineStore,
} from './timeline/timeline-store.js'
export type { TimelineEvent, TimelineEventType, TimelineSource } from './timeline/timeline-event.js'
