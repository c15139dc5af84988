/** Execution plans: jobs as data, run in a browser or a process, by themselves or as a workflow. See `docs/plans.md`. */
export { run, run as default } from './run-plan.js'
export { type CompiledPlan, compilePlan } from './compile-plan.js'
export { type PlanWorkflowOptions, planResult, planWorkflow } from './plan-workflow.js'
export { type PlanReport, type ValidateOptions, validatePlan } from './validate-plan.js'
export { planJsonSchema } from './plan-schema.js'
export type { PlanLimits } from './copy-plan.js'
export type { CompileOptions, PlanCallbacks, RunOptions } from './plan-options.js'
export type {
  Edge,
  EdgeCondition,
  EdgeOptions,
  Expression,
  JobState,
  Operation,
  OperationContext,
  Plan,
  PlanInput,
  PlanSettings,
  PlanStep,
  PlanWait,
  PlanWorkflow,
} from './plan-definition.js'
export type { LinkedModule, LinkerOptions } from './linker-options.js'
export {
  NOTIFY_INIT_COMPLETE,
  NOTIFY_INIT_START,
  NOTIFY_JOB_COMPLETE,
  NOTIFY_JOB_ERROR,
  NOTIFY_JOB_START,
  NOTIFY_STATE_LOAD,
  type MemoryFigures,
  type Notifications,
  type Notify,
  type PlanEvent,
  type PlanLogger,
} from './plan-events.js'
export {
  AdaptorError,
  EdgeConditionError,
  ImportError,
  InputError,
  InvalidExportsError,
  InvalidOperationError,
  JobError,
  type PlanErrorData,
  RTError,
  RuntimeCrash,
  RuntimeError,
  SecurityError,
  type SerializedPlanError,
  type Severity,
  StateTooLargeError,
  TimeoutError,
  ValidationError,
} from './plan-error.js'
export {
  assertAdaptorError,
  assertImportError,
  assertRuntimeCrash,
  assertRuntimeError,
  assertSecurityKill,
} from './assert-error.js'
export { extractPosition, extractPositionForFrame, extractStackTrace } from './error-position.js'
export { defer } from './defer.js'
export type {
  ConditionHelpers,
  ConditionOptions,
  ConditionOutcome,
  ConditionText,
  JobConsole,
  JobEngine,
  JobEngineOptions,
  JobFault,
  JobOutcome,
  JobRunOptions,
  JobText,
  LoadResult,
  LoadedCondition,
  LoadedJob,
  OperationEvent,
  SourcePosition,
  ThrownValue,
} from './job-engine.js'
