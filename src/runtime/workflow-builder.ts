import { isFields } from '../core/is-fields.js'
import type { Immutable } from 'immer'
import type { EventBus } from '../bus/event-bus.js'
import type { WithSystemEvents } from '../bus/system-events.js'
import type { ServicesInput } from '../container/service-templates.js'
import type { BusEvent, EventMap, EventOf, EventType } from '../core/bus-event.js'
import type { Duration } from '../core/duration.js'
import type { StandardSchema } from '../core/standard-schema.js'
import { jump, pause } from '../pipeline/instruction.js'
import type { AnyStage, AnyStep, StepOptions, TaskStep } from '../pipeline/pipeline-definition.js'
import type { ResumeCause } from '../pipeline/resume-cause.js'
import type { StepContext } from '../pipeline/step-context.js'
import type { Condition, WatchDescriptor } from '../pipeline/watch-descriptor.js'
import type { RegistrationOptions } from './registration-options.js'
import type { WorkflowDefinition } from './workflow-definition.js'

/** What starts a run, how runs may overlap, and what they start with. */
export interface BuilderOptions<
  Events extends EventMap,
  Type extends EventType<WithSystemEvents<Events>>,
  State extends object,
> extends Omit<RegistrationOptions, 'key'> {
  /** The type of the events that start a run, or several. */
  readonly on: Type | readonly Type[]
  /** Only events for which this is true. @default every event */
  readonly when?: (event: EventOf<WithSystemEvents<Events>, Type>) => boolean
  /** Makes the mode apply per key, such as per order. @default one for the whole workflow */
  readonly key?: (event: EventOf<WithSystemEvents<Events>, Type>) => string | undefined
  /** What the payload must fit. */
  readonly schema?: StandardSchema
  /** The state a run begins with. @default the payload, if it is a plain object, else an empty one */
  readonly state?: (event: EventOf<WithSystemEvents<Events>, Type>) => State
  /** What the state must fit at each commit. */
  readonly stateSchema?: StandardSchema
  readonly version?: string
  readonly label?: string
  /** Whether committed steps are undone when a run fails or is aborted. @default false */
  readonly compensate?: boolean
  /** How long a run may take, pauses included. @default Infinity */
  readonly timeout?: Duration
  readonly services?: ServicesInput
  readonly env?: Readonly<Record<string, unknown>>
}

/** What a wait is for, and how long. */
export interface WaitOptions<Events extends EventMap, Type extends string, State extends object> {
  /** The type of the event, or several. */
  readonly event: Type | readonly Type[]
  /**
   * Which of these events: a function of event and state, or conditions, which can be looked up by and so cost nothing
   * where many runs wait. @default each of them
   */
  readonly where?:
    | ((
        event: EventOf<WithSystemEvents<Events>, Type & EventType<WithSystemEvents<Events>>>,
        state: Immutable<State>,
      ) => boolean)
    | readonly Condition[]
  /** How long to wait; `Infinity` must be written down. */
  readonly timeout: Duration
}

/** How a wait of the builder ended: by one of its events, by its timeout, or by a person who called `resume()`. */
export type WaitResult<Events extends EventMap, Type extends string> = Exclude<
  ResumeCause<EventOf<WithSystemEvents<Events>, Type & EventType<WithSystemEvents<Events>>>>,
  { readonly kind: 'events' }
>

export interface ForEachOptions {
  /** How many items are worked on at once; one that waits does not count. @default Infinity */
  readonly concurrency?: number
  /** Whether the first item that fails ends the others and the run, or the run goes on. @default 'fail-fast' */
  readonly onChildFailure?: 'fail-fast' | 'collect'
}

/** The part of a step's output that is known to be written; recipes and nothing leave the type of the state alone. */
type Written<Output> =
  Extract<Output, object> extends infer Patch
    ? [Patch] extends [never]
      ? unknown
      : Patch extends (...args: never[]) => unknown
        ? unknown
        : undefined extends Output
          ? Partial<Patch>
          : Patch
    : never

type Merged<State, Patch> = Simplify<Omit<State, keyof Patch> & Patch>
type Simplify<Type> = { [Key in keyof Type]: Type[Key] }

/** Starts with the payload where it can be a state. */
export type PayloadState<Event extends BusEvent> = Event['payload'] extends readonly unknown[]
  ? object
  : Event['payload'] extends object
    ? Event['payload']
    : object

/** A workflow in the making: each call adds a stage, and what it writes is known to the next. */
export interface WorkflowBuilder<State extends object, Event extends BusEvent, Events extends EventMap> {
  /** A step, alone in its stage. Its name must be unique in the workflow. */
  step<Output extends object | void | null | undefined>(
    name: string,
    action: (context: StepContext<State, Event, Events>) => Output | Promise<Output>,
    options?: StepOptions<State, Event, Events>,
  ): WorkflowBuilder<Merged<State, Written<Output>>, Event, Events>
  /**
   * A step whose work is a named task of an executor, alone in its stage. What `output` gives is written to the state; it
   * knows the type of the result that it declares: `output: (result: Thumbnail) => ({ thumbnail: result })`.
   */
  task<Output extends object | void | null | undefined = void>(
    name: string,
    options: Omit<TaskStep<State, Event, Events>, 'output'> & {
      output?(result: unknown, context: StepContext<State, Event, Events>): Output | Promise<Output>
    },
  ): WorkflowBuilder<Merged<State, Written<Output>>, Event, Events>
  /**
   * Sleeps until an event comes. It counts from the start of the run on: one that comes while the steps before are still
   * at work is kept. How the wait ended is in the state under its name.
   */
  waitFor<Name extends string, Type extends EventType<WithSystemEvents<Events>>>(
    name: Name,
    options: WaitOptions<Events, Type, State>,
  ): WorkflowBuilder<Merged<State, Record<Name, WaitResult<Events, Type>>>, Event, Events>
  /** Goes one way or the other, and on from there together. */
  choose<Yes extends object, No extends object = State>(
    predicate: (state: Immutable<State>) => boolean,
    yes: (builder: WorkflowBuilder<State, Event, Events>) => WorkflowBuilder<Yes, Event, Events>,
    no?: (builder: WorkflowBuilder<State, Event, Events>) => WorkflowBuilder<No, Event, Events>,
  ): WorkflowBuilder<Yes | No, Event, Events>
  /** Does the same for each item, side by side. The states they end with are in the state under the name, in their order. */
  forEach<Name extends string, Item, Child extends object>(
    name: Name,
    items: (state: Immutable<State>) => readonly Item[],
    build: (
      each: WorkflowBuilder<{ readonly item: Item; readonly index: number }, Event, Events>,
    ) => WorkflowBuilder<Child, Event, Events>,
    options?: ForEachOptions,
  ): WorkflowBuilder<Merged<State, Record<Name, readonly (Child | null)[]>>, Event, Events>
  /** A plain workflow, ready for `register`. */
  build(): WorkflowDefinition<Events>
}

/**
 * Writes a workflow as a line. `workflow<Events>()(id, options)` knows the events; so does `workflow(id, { bus, … })`.
 */
export function workflow<Events extends EventMap = Record<string, unknown>>(): <
  Type extends EventType<WithSystemEvents<Events>>,
  State extends object = PayloadState<EventOf<WithSystemEvents<Events>, Type>>,
>(
  id: string,
  options: BuilderOptions<Events, Type, State>,
) => WorkflowBuilder<State, EventOf<WithSystemEvents<Events>, Type>, Events>
export function workflow<
  Events extends EventMap,
  Type extends EventType<WithSystemEvents<Events>>,
  State extends object = PayloadState<EventOf<WithSystemEvents<Events>, Type>>,
>(
  id: string,
  options: BuilderOptions<Events, Type, State> & { readonly bus: EventBus<Events> },
): WorkflowBuilder<State, EventOf<WithSystemEvents<Events>, Type>, Events>
export function workflow(id?: string, options?: AnyOptions): unknown {
  if (id === undefined) return workflow
  let choices = 0
  return createBuilder([], {
    finish: (stages) => toWorkflow(id, options!, stages),
    nameChoice: () => `choose-${++choices}`,
  })
}

type AnyOptions = BuilderOptions<object, never, object> & { readonly bus?: unknown }
type Loose = WorkflowBuilder<Record<string, unknown>, BusEvent, Record<string, unknown>>

/** What builders of one workflow share. */
interface Making {
  finish(stages: readonly AnyStage[]): unknown
  /** An id for the stages of a choice; branches may hold choices of their own. */
  nameChoice(): string
}

function createBuilder(stages: readonly AnyStage[], making: Making): Loose {
  const add = (...more: readonly AnyStage[]) => createBuilder([...stages, ...more], making) as never
  const stagesOf = (branch: (builder: never) => unknown): readonly AnyStage[] => {
    let own: readonly AnyStage[] = []
    const builder = createBuilder([], { ...making, finish: (built) => (own = built) })
    ;(branch(builder as never) as Loose).build()
    return own
  }
  return {
    step: (name, action, options) => add({ id: name, steps: { [name]: { ...options, action } } }),
    task: (name, options) => add({ id: name, steps: { [name]: options as AnyStep } }),
    waitFor: (name, options) => add(waitStage(name, options as WaitOptions<object, string, object>)),
    choose: (predicate, yes, no) =>
      add(...choiceStages(making.nameChoice(), predicate, stagesOf(yes), no ? stagesOf(no) : [])),
    forEach: (name, items, build, options) =>
      add({ id: name, forEach: items, pipelines: [{ id: name, stages: stagesOf(build) }], ...options }),
    build: () => making.finish(stages) as never,
  }
}

function waitStage(name: string, { event, where, timeout }: WaitOptions<object, string, object>): AnyStage {
  const watch: WatchDescriptor = {
    ...(typeof event === 'string' ? { event } : { events: event }),
    ...(typeof where === 'object' ? { conditions: where } : {}),
  }
  return {
    id: name,
    watch,
    ...(typeof where === 'function' ? { where } : {}),
    router: () => pause({ timeout, into: name }),
  }
}

/** A fork in the road, the two ways, and the place where they meet again. */
function choiceStages(
  id: string,
  predicate: (state: never) => boolean,
  yes: readonly AnyStage[],
  no: readonly AnyStage[],
): readonly AnyStage[] {
  const end = `${id}-end`
  const [firstYes, firstNo] = [yes[0]?.id ?? end, no[0]?.id ?? end]
  return [
    { id, router: ({ state }: { state: never }) => jump(predicate(state) ? firstYes : firstNo) },
    ...yes,
    { id: `${id}-yes`, router: () => jump(end) },
    ...no,
    { id: end },
  ]
}

function toWorkflow(id: string, given: AnyOptions, stages: readonly AnyStage[]): WorkflowDefinition {
  const { on, when, schema, state, stateSchema, compensate, timeout, bus: _bus, ...rest } = given
  const { version, label, services, env, ...options } = rest
  const trigger = { ...(when ? { when } : {}), ...(schema ? { schema } : {}) }
  const types: readonly string[] = typeof on === 'string' ? [on] : on
  return {
    id,
    ...(version === undefined ? {} : { version }),
    ...(label === undefined ? {} : { label }),
    ...(services ? { services } : {}),
    ...(env ? { env } : {}),
    triggers: Object.fromEntries(
      types.map((event) => [event.replaceAll('/', '%2F'), { event, ...trigger }]),
    ) as never,
    pipelines: {
      [id]: {
        id,
        initialState: state ?? payloadState,
        stages,
        ...(stateSchema ? { schema: stateSchema } : {}),
        ...(compensate === undefined ? {} : { compensate }),
        ...(timeout === undefined ? {} : { timeout }),
      },
    },
    options: options as RegistrationOptions,
  }
}

function payloadState({ payload }: BusEvent): unknown {
  return isFields(payload) ? payload : {}
}
