import type { Draft, Immutable } from 'immer'
import type { BusEvent, EventMap } from '../core/bus-event.js'
import type { Duration } from '../core/duration.js'
import type { StandardSchema } from '../core/standard-schema.js'
import type { SystemError } from '../core/system-error.js'
import type { ConflictPolicy } from '../state/merge-changes.js'
import type { Instruction } from './instruction.js'
import type { ResumeCause } from './resume-cause.js'
import type { RetryPolicy } from './retry-policy.js'
import type { StepContext } from './step-context.js'
import type { AnyTaskStep } from './task-step.js'
import type { WatchDescriptor } from './watch-descriptor.js'

type AnyState = Readonly<Record<string, unknown>>

/** What a step gives back: a partial object that is merged shallowly, an immer recipe that changes its draft, or nothing. */
export type StepOutput<State extends object> =
  Partial<Immutable<State>> | ((draft: Draft<State>) => void) | undefined | null | void

export type StepAction<
  State extends object = AnyState,
  Event extends BusEvent = BusEvent,
  Events extends EventMap = Record<string, unknown>,
> = (context: StepContext<State, Event, Events>) => StepOutput<State> | Promise<StepOutput<State>>

export interface StepOptions<
  State extends object = AnyState,
  Event extends BusEvent = BusEvent,
  Events extends EventMap = Record<string, unknown>,
> {
  readonly label?: string
  /** Retries after the first attempt, at once; or a policy. @default 0 */
  readonly retry?: number | RetryPolicy
  /** How long one attempt may take before it fails with `TIMEOUT`. @default Infinity */
  readonly timeout?: Duration
  /**
   * Undoes the step when its run fails or is aborted later, if the pipeline says `compensate: true`. Newest first.
   * It has the step's retries and timeout, and may change the state like an action.
   */
  readonly compensate?: StepAction<State, Event, Events>
}

export interface StepDefinition<
  State extends object = AnyState,
  Event extends BusEvent = BusEvent,
  Events extends EventMap = Record<string, unknown>,
> extends StepOptions<State, Event, Events> {
  readonly action: StepAction<State, Event, Events>
}

/**
 * A step whose work is a named task that an executor runs: a worker thread, a remote worker, this thread. Attempts,
 * timeout, abort and commit are those of any step.
 */
export interface TaskStep<
  State extends object = AnyState,
  Event extends BusEvent = BusEvent,
  Events extends EventMap = Record<string, unknown>,
> extends StepOptions<State, Event, Events> {
  /** The name under which the executor knows the code. */
  readonly task: string
  /** Which of the runtime's `executors`. @default the one named `default`, or the only one */
  readonly executor?: string
  /** What the place must be able to do, in the executor's own words, such as `{ model: 'large' }`. @default nothing */
  readonly requires?: Readonly<Record<string, unknown>>
  /** What the task gets: plain data. @default the run state */
  input?(context: StepContext<State, Event, Events>): unknown
  /** Turns what the task returned into what the step writes. @default the result itself, a partial object or nothing */
  output?(
    result: unknown,
    context: StepContext<State, Event, Events>,
  ): StepOutput<State> | Promise<StepOutput<State>>
}

/** How one child of a stage ended. */
export type ChildResult =
  | { readonly ok: true; readonly id: string; readonly index: number; readonly state: AnyState }
  | { readonly ok: false; readonly id: string; readonly index: number; readonly error: SystemError }

/** What a router may read. */
export interface RouterContext<State extends object = AnyState, Event extends BusEvent = BusEvent> {
  /** The run state after the stage's changes. */
  readonly state: Immutable<State>
  readonly event: Event
  readonly resume: ResumeCause | undefined
  /** By step id what the step returned (nothing for a recipe); by child id, or by index under `forEach`, how the child ended. */
  readonly results: Readonly<Record<string, unknown>>
}

export type Router<State extends object, Event extends BusEvent, StageId extends string> = (
  context: RouterContext<State, Event>,
) => RouterDecision<StageId> | Promise<RouterDecision<StageId>>

/** An instruction, or a bare stage id, which means `jump`. */
export type RouterDecision<StageId extends string> = Instruction<StageId> | StageId

/**
 * A barrier: its steps run concurrently on one frozen snapshot, their changes commit together, then the router says
 * where to go. A stage holds `steps`, or `pipelines` it forks, or `forEach` and the one pipeline it forks per item, or
 * nothing but a router.
 */
export interface StageDefinition<
  State extends object = AnyState,
  Event extends BusEvent = BusEvent,
  Id extends string = string,
  Target extends string = Id,
  Events extends EventMap = Record<string, unknown>,
> {
  readonly id: Id
  readonly label?: string
  readonly steps?: Readonly<
    Record<
      string,
      StepAction<State, Event, Events> | StepDefinition<State, Event, Events> | TaskStep<State, Event, Events>
    >
  >
  readonly pipelines?: readonly AnyPipeline[]
  /** One child of the stage's pipeline per item; the child finds it as `state.item` and its place as `state.index`. */
  readonly forEach?: (state: Immutable<State>) => readonly unknown[]
  /** How many children run at once; a paused one does not count. @default Infinity */
  readonly concurrency?: number
  /** How the final states of the children enter the state. @default under the child's id; with `forEach` an array in item order */
  readonly merge?: (parent: Draft<State>, results: readonly ChildResult[]) => void
  /** Whether the first failing child ends the others and the stage, or the stage goes on with what succeeded. @default 'fail-fast' */
  readonly onChildFailure?: 'fail-fast' | 'collect'
  readonly router?: Router<State, Event, Target>
  /** What two steps do that wrote the same path. @default 'error' */
  readonly onConflict?: ConflictPolicy
  /** How long the stage may take, retries included. Pauses of children count. @default Infinity */
  readonly timeout?: Duration
  /**
   * What the pauses of this stage wait for. Unlike `pause({ until })` it begins with the pipeline: an event that comes
   * long before the pause is kept for it.
   */
  readonly watch?: WatchDescriptor
  /**
   * Narrows what the pauses of this stage wait for, beyond what the descriptor says. Asked with the state the run pauses
   * with: of an event that came before, when it pauses; of one that comes later, at once. Must answer synchronously;
   * as long as it throws, the event is kept.
   */
  readonly where?: (event: BusEvent, state: Immutable<State>) => boolean
}

export interface PipelineDefinition<
  State extends object = AnyState,
  Event extends BusEvent = BusEvent,
  StageId extends string = string,
  Events extends EventMap = Record<string, unknown>,
> {
  readonly id: string
  readonly label?: string
  /** The state a run starts with, or a function that makes it from the event (and, in a child, from its parent's state). @default {} */
  readonly initialState?: State | ((event: Event, parent?: AnyState) => State)
  /** What the state must fit at the start and at each commit. Must answer synchronously. */
  readonly schema?: StandardSchema
  readonly stages: readonly StageDefinition<State, Event, StageId, NoInfer<StageId>, Events>[]
  /** How often one stage may be visited before the run fails with `LOOP_LIMIT`. @default 10000 */
  readonly maxVisits?: number
  /** How long the whole run may take, from its start, pauses included. @default Infinity */
  readonly timeout?: Duration
  /** Whether committed steps are undone when the run fails or is aborted. @default false */
  readonly compensate?: boolean
}

/** Any pipeline, whatever its state and events: what the engine takes. */
export interface AnyPipeline {
  readonly id: string
  readonly label?: string
  readonly initialState?: unknown
  readonly schema?: StandardSchema
  readonly stages: readonly AnyStage[]
  readonly maxVisits?: number
  readonly timeout?: Duration
  readonly compensate?: boolean
}

/** Any stage; functions are typed by what they return, since their parameters cannot be known here. */
export interface AnyStage {
  readonly id: string
  readonly label?: string
  readonly steps?: Readonly<Record<string, AnyStep | ((context: never) => unknown)>>
  readonly pipelines?: readonly AnyPipeline[]
  readonly forEach?: (state: never) => readonly unknown[]
  readonly concurrency?: number
  readonly merge?: (parent: never, results: readonly ChildResult[]) => void
  readonly onChildFailure?: 'fail-fast' | 'collect'
  readonly router?: (context: never) => unknown
  readonly onConflict?: ConflictPolicy
  readonly timeout?: Duration
  readonly watch?: WatchDescriptor
  readonly where?: (event: never, state: never) => boolean
}

export interface AnyStep extends Partial<AnyTaskStep> {
  readonly label?: string
  /** Absent where there is a `task`. */
  readonly action?: (context: never) => unknown
  readonly retry?: number | RetryPolicy
  readonly timeout?: Duration
  readonly compensate?: (context: never) => unknown
}

/**
 * Checks a pipeline with the compiler: the state is inferred from `initialState`, and a router may only name stages
 * that exist. `definePipeline<Event>()({ … })` says in addition which events start it.
 */
export function definePipeline<
  Event extends BusEvent = BusEvent,
  Events extends EventMap = Record<string, unknown>,
>(): <State extends object = AnyState, const StageId extends string = string>(
  definition: PipelineDefinition<State, Event, StageId, Events>,
) => PipelineDefinition<State, Event, StageId, Events>
export function definePipeline<State extends object = AnyState, const StageId extends string = string>(
  definition: PipelineDefinition<State, BusEvent, StageId>,
): PipelineDefinition<State, BusEvent, StageId>
export function definePipeline(definition?: unknown): unknown {
  return definition ?? ((curried: unknown) => curried)
}
