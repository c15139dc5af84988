import type { Immutable } from 'immer'
import type { Dependencies } from '../container/dependencies.js'
import type { BusEvent, EventMap, EventMeta, EventType } from '../core/bus-event.js'
import type { Logger } from '../core/logger.js'
import type { ResumeCause } from './resume-cause.js'

/** What a step sees. Every member may be taken out by destructuring. */
export interface StepContext<
  State extends object = Readonly<Record<string, unknown>>,
  Event extends BusEvent = BusEvent,
  Events extends EventMap = Record<string, unknown>,
> {
  readonly runId: string
  readonly workflowId: string
  readonly pipelineId: string
  readonly stageId: string
  readonly stepId: string
  /** Where this step stands in the run, children included: `fan/1/approve/ask`. */
  readonly path: string
  /** Which attempt this is, from 1. Attempts that a crash cut off are counted. */
  readonly attempt: number
  /** The run state as it was when the stage began, deeply frozen. */
  readonly state: Immutable<State>
  /** The event that started the run. */
  readonly event: Event
  /** What ended the last pause of this run; `undefined` before the first. */
  readonly resume: ResumeCause | undefined
  /** Fires when the step's time is up or the run is aborted. The run goes on without waiting for a step that ignores it. */
  readonly signal: AbortSignal
  readonly logger: Logger
  /** The same for every attempt and every re-execution of this step at this visit of its stage: hand it to the outside world. */
  readonly idempotencyKey: string
  /** Asks for services. */
  readonly use: <Result>(callback: (deps: Dependencies) => Result) => Result
  /** Publishes when the stage commits, and not at all when it fails. The envelope has its id at once. */
  readonly publish: <Type extends EventType<Events>>(
    type: Type,
    payload: Events[Type],
    meta?: EventMeta,
  ) => BusEvent<Type>
  /** Tells how far the step is, from 0 to 1. */
  readonly progress: (fraction: number, message?: string) => void
}
