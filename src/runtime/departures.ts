import { leaveRegistration } from './leave-registration.js'
import type { PendingWork } from './pending-work.js'
import type { Registration } from './registration.js'
import type { RuntimeContext } from './runtime-context.js'
import type { StopOptions } from './runtime-options.js'

interface Departure {
  readonly workflowId: string
  readonly left: Promise<void>
}

/** Workflows on their way out: no longer registered, and not yet gone. Under one id there may be several. */
export class Departures {
  readonly #context: RuntimeContext
  readonly #pending: PendingWork
  readonly #departures = new Set<Departure>()

  constructor(context: RuntimeContext, pending: PendingWork) {
    this.#context = context
    this.#pending = pending
  }

  /** Resolves when it is gone. */
  async leave(registration: Registration, reason: string, options: StopOptions): Promise<void> {
    const { runs, clock } = this.#context
    const { id: workflowId } = registration
    runs.keepParked(workflowId, new Set())
    const left = leaveRegistration(registration, reason, options, clock, this.#pending)
    const departure = { workflowId, left }
    this.#departures.add(departure)
    try {
      await left
    } finally {
      this.#departures.delete(departure)
    }
  }

  /** Settles when the workflow that left last under that id is gone; `undefined` when none is leaving. */
  of(workflowId: string): Promise<void> | undefined {
    return [...this.#departures].findLast((each) => each.workflowId === workflowId)?.left
  }

  /** Settles when all are gone that are leaving now. */
  async all(): Promise<void> {
    await Promise.all([...this.#departures].map(({ left }) => left))
  }
}
