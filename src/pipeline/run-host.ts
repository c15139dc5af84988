import type { Patch } from 'immer'
import type { BusEvent, EventMeta } from '../core/bus-event.js'
import type { Clock } from '../core/clock.js'
import type { Logger } from '../core/logger.js'
import type { Result } from '../core/result.js'
import type { StateObject } from '../state/change.js'

/** What the callback of `ctx.use` is given: services by id, and parts of the run state. */
export interface Dependencies {
  /** A service, or why there is none; never rejects. */
  resolve<Service>(id: string): Promise<Result<Service>>
  /** A service. Rejects with a `SystemError` when there is none. */
  require<Service>(id: string): Promise<Service>
  /** A part of the run state. A service whose factory selected one is rebuilt when it changes. */
  select<Selection>(selector: (state: never) => Selection): Selection
}

/**
 * Everything the engine knows of the outside. A test drives one run by hand with an object of a few lines.
 */
export interface RunHost {
  readonly runId: string
  readonly workflowId: string
  readonly event: BusEvent
  readonly clock: Clock
  /** A number from 0 to 1, for the jitter of retries. */
  readonly random: () => number
  readonly logger: Logger
  use<Result>(callback: (deps: Dependencies) => Result): Result
  /** Makes, and checks, the envelope of an event a step publishes. It leaves with the commit that carries it. */
  createEvent(type: string, payload: unknown, meta?: EventMeta): BusEvent
  /**
   * Called at every boundary: after a stage of the run or of one of its children, at a pause, at the end. The engine
   * has moved on already, so a checkpoint taken now is the one to keep. The run waits for the promise, if there is one;
   * when it rejects the run is dead here and `advance()` rejects with the same error.
   */
  commit(events: readonly BusEvent[]): void | Promise<void>
  /** Takes what is put on the timeline; absent when nothing is recorded. */
  readonly record?: RecordFunction
}

export type RecordFunction = (
  source: 'pipeline' | 'store' | 'logger',
  type: string,
  payload: Readonly<Record<string, unknown>>,
  /** The state after the event, with the patches that led to it; of the run itself, not of its children. */
  state?: { readonly delta?: readonly Patch[]; readonly state: StateObject },
) => void
