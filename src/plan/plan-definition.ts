import type { Duration } from '../core/duration.js'
import type { RetryPolicy } from '../pipeline/retry-policy.js'
import type { Condition } from '../pipeline/watch-descriptor.js'
import type { LinkedModule } from './linker-options.js'

/**
 * What jobs hand on: any plain data, by custom under these keys. A function that knows more of its state says so:
 * `(state: { data: Order; references: Ref[] }) => …`.
 */
export interface JobState {
  /** What the run is about. */
  data?: unknown
  /** Credentials and settings of the job under way. Removed after each job. */
  configuration?: unknown
  /** By step id, what went wrong in jobs that failed. */
  errors?: unknown
}

/** What an operation may ask about its job, besides the state. */
export interface OperationContext {
  readonly stepId: string
  /** Which attempt of the job this is, from 1. */
  readonly attempt: number
  /** Fires when the job's time is up or the run is aborted. The run does not wait for a job that ignores it. */
  readonly signal: AbortSignal
  /** The same for every attempt of the job at this arrival: hand it to the outside world. */
  readonly idempotencyKey: string
}

/** One function of a job: gets the state, and returns the next one or a promise of it. */
export type Operation<State = JobState> = {
  run(state: State, context: OperationContext): unknown
}['run']

/** Text is the source of an ES module whose default export is an array of operations. */
export type Expression = string | Operation | readonly Operation[]

/** Says whether an edge is followed. Gets the state after the job, and the id of the step it comes from. */
export type EdgeCondition<State = JobState> = {
  holds(state: State, upstreamStepId: string): unknown
}['holds']

export interface EdgeOptions {
  /**
   * JavaScript of one expression, a function, `true` or `false`; or one of the words `always`, `never`, `on_job_success`,
   * `on_job_failure`. An edge without one is not followed.
   */
  readonly condition?: string | boolean | EdgeCondition
  readonly label?: string
  /** @default false */
  readonly disabled?: boolean
  /** Allows the edge to lead back, and says how often it is followed in one run at most; from 1 to 10 000. */
  readonly loop?: number
}

export type Edge = boolean | string | number | EdgeCondition | EdgeOptions

export interface PlanStep {
  /** @default 'job-1', 'job-2', … for those without */
  readonly id?: string
  /** What the step is called in logs and errors. @default its id */
  readonly name?: string
  /** What is to be done. A step without one is a trigger: its input goes on untouched. */
  readonly expression?: Expression
  /** What the job starts from where the incoming state has nothing; or an id that `callbacks.resolveState` knows. */
  readonly state?: string | Readonly<Record<string, unknown>>
  /** Put over the incoming configuration; or an id that `callbacks.resolveCredential` knows. */
  readonly configuration?: string | Readonly<Record<string, unknown>>
  /** The step that comes next, or several with their edges. */
  readonly next?: string | Readonly<Record<string, Edge>>
  /**
   * What several inputs mean: `each` runs the step, and all below it, once for each; `all` once, when nothing can arrive any
   * more, on the inputs merged, which it also finds one by one as `state.upstream`. @default 'each'
   */
  readonly join?: 'each' | 'all'
  /** Retries of a job that failed or took too long, before its error counts. @default 0 */
  readonly retry?: number | Omit<RetryPolicy, 'when'>
  /** How long one attempt may take, in milliseconds or as `'30s'`. @default the plan's */
  readonly timeout?: Duration
  /** Puts the run to sleep before the step until an event comes. Only as a workflow (`planWorkflow`), which has a bus. */
  readonly wait?: PlanWait
  /** Modules of job text, `'name@version'`. */
  readonly adaptors?: readonly string[]
  /** Modules of job text by specifier; put over `adaptors` and the linker's own. */
  readonly linker?: Readonly<Record<string, LinkedModule>>
  /** Of job text: a version 3 source map, as an object. */
  readonly sourceMap?: unknown
}

/** What a step waits for; the job finds it as `state.resume`. */
export interface PlanWait {
  /** The type of the event. */
  readonly event: string
  /** Joined by AND. `valueFrom` is a path into the state that has arrived, such as `'data.orderId'`. */
  readonly conditions?: readonly Condition[]
  /** How long to wait; then the job runs with `state.resume.kind` being `'timeout'`. `Infinity` is written `'never'`. */
  readonly timeout: Duration | 'never'
}

export interface PlanWorkflow {
  readonly id?: string
  readonly name?: string
  readonly steps?: readonly PlanStep[]
  /** The older name of `steps`. */
  readonly jobs?: readonly PlanStep[]
  /** Where to begin. @default the first step */
  readonly start?: string | null
  /** Module text: its named exports are globals of every job text and every condition text. */
  readonly globals?: string
  /** The lowest layer of every job's configuration. */
  readonly credentials?: Readonly<Record<string, unknown>>
}

export interface PlanSettings {
  /** Where to begin; before `workflow.start`. */
  readonly start?: string | null
  /** The step after which the run stops, even with others queued. */
  readonly end?: string | null
  /** How long each job may take. @default Infinity */
  readonly timeout?: Duration | null
  /** How long the whole run may take. @default Infinity */
  readonly workflowTimeout?: Duration | null
  /** How many jobs of one level run at once. @default 1 */
  readonly concurrency?: number
}

/** A workflow as data: jobs, and the edges between them. Never changed by what runs it. */
export interface Plan {
  readonly id?: string
  readonly workflow: PlanWorkflow
  readonly options?: PlanSettings
}

/** Everything that is taken for a plan: a plan, the text of one job, or the operations of one. */
export type PlanInput = Plan | Expression
