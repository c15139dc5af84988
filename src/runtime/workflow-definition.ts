import type { WithSystemEvents } from '../bus/system-events.js'
import type { ServicesInput } from '../container/service-templates.js'
import type { BusEvent, EventMap, EventOf, EventType } from '../core/bus-event.js'
import type { StandardSchema } from '../core/standard-schema.js'
import type { PipelineCheckpoint } from '../pipeline/checkpoint.js'
import type { AnyPipeline } from '../pipeline/pipeline-definition.js'
import type { RegistrationOptions } from './registration-options.js'

/** Which events start a run, of which pipeline. */
export interface EventTrigger<Type extends string = string, Event extends BusEvent = BusEvent> {
  readonly event: Type
  /** Only events for which this is true; the others get no receipt. @default every event */
  readonly when?: (event: Event) => boolean
  /** What the payload must fit. One that does not gets the receipt `invalid`. Must answer synchronously. */
  readonly schema?: StandardSchema
  /** Makes the mode apply per key, such as per order or per user. @default the registration's */
  readonly key?: (event: Event) => string | undefined
  /** The key of the pipeline in `pipelines`. May be left out when there is only one. */
  readonly pipeline?: string
  readonly schedule?: never
}

/** Runs at times instead of for events: what is due becomes an event of its own, which passes all gates and the mode. */
export interface ScheduleTrigger {
  /** A cron pattern of five or six fields (seconds first), such as `'0 3 * * *'`; the time zone is the host's unless given. */
  readonly schedule: string | { readonly cron: string; readonly timeZone?: string }
  /** The type of the event that is made. Its payload is `{ scheduledAt }`. It is not published. @default 'schedule:due' */
  readonly event?: string
  readonly key?: (event: BusEvent) => string | undefined
  readonly pipeline?: string
  readonly when?: never
  readonly schema?: never
}

export type TriggerDefinition<Events extends EventMap = Record<string, unknown>> =
  | {
      [Type in EventType<WithSystemEvents<Events>>]: EventTrigger<
        Type,
        EventOf<WithSystemEvents<Events>, Type>
      >
    }[EventType<WithSystemEvents<Events>>]
  | ScheduleTrigger

/** A plain object: what may happen, and what is done about it. Checked as a whole by `register`. */
export interface WorkflowDefinition<Events extends EventMap = Record<string, unknown>> {
  readonly id: string
  /** Runs remember it; one that was stored under another version needs `migrate`. @default none */
  readonly version?: string
  readonly label?: string
  /** By trigger id. */
  readonly triggers: Readonly<Record<string, TriggerDefinition<Events>>>
  /** By a key of your choice, which triggers name. */
  readonly pipelines: Readonly<Record<string, AnyPipeline>>
  /** Services of this workflow and of its runs. */
  readonly services?: ServicesInput
  /** What `__env__` answers before the runtime's own layer is asked. */
  readonly env?: Readonly<Record<string, unknown>>
  /** What `register` takes when it is not told otherwise. */
  readonly options?: RegistrationOptions
  /** Brings the checkpoint of another version to this one. */
  readonly migrate?: (checkpoint: RunCheckpoint) => RunCheckpoint
}

/** A run as it is stored: what continues it in another process. */
export interface RunCheckpoint {
  readonly runId: string
  readonly workflowId: string
  readonly version?: string
  readonly triggerId: string
  /** The key of the pipeline in the workflow's `pipelines`. */
  readonly pipeline: string
  readonly key?: string
  readonly event: BusEvent
  readonly startedAt: number
  /** Of a fork: after which event of which run it began. */
  readonly parent?: { readonly parentRunId: string; readonly parentSeq: number }
  readonly root: PipelineCheckpoint
}

/** Any workflow, whatever its events: what the runtime takes. */
export type AnyTrigger = EventTrigger<string, never> | ScheduleTrigger
export interface AnyWorkflow extends Omit<WorkflowDefinition, 'triggers'> {
  readonly triggers: Readonly<Record<string, AnyTrigger>>
}

/**
 * Checks a workflow with the compiler. `defineWorkflow<Events>()({ … })` knows the events and their payloads;
 * `defineWorkflow({ … })` takes any.
 */
export function defineWorkflow<Events extends EventMap>(): <
  const Definition extends WorkflowDefinition<Events>,
>(
  definition: Definition,
) => Definition
export function defineWorkflow<const Definition extends WorkflowDefinition>(
  definition: Definition,
): Definition
export function defineWorkflow(definition?: unknown): unknown {
  return definition ?? ((curried: unknown) => curried)
}
