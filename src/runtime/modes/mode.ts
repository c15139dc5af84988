import type { BusEvent } from '../../core/bus-event.js'

/** An accepted event on its way to becoming a run. */
export interface Ticket {
  /** The id its run has, or would have had. Read only where a run is started or something waits. */
  readonly runId: string
  readonly triggerId: string
  readonly event: BusEvent
  readonly key: string | undefined
  /** Higher goes first where a mode queues. `NaN` counts as 0. @default 0 */
  readonly priority: number
}

/** What a mode sees of a run. */
export interface ModeRun {
  readonly runId: string
  /** The key of the ticket it came from. */
  readonly key: string | undefined
  /** Resolves when the run has ended and its bookkeeping is done. Never rejects. */
  readonly settled: Promise<void>
  /** Resolves when the run's present leg is over: it paused, or it ended. Each resume begins another leg. Never rejects. */
  readonly released: Promise<void>
  /** Whether the run ended as aborted. Read when `settled` has resolved. */
  readonly isAborted: boolean
  /**
   * Writes the event into the run's state as a signal. Returns false, having done nothing, when no safe point is to
   * come at which it would land: the run has ended or is ending. Calls nobody back.
   */
  signal(event: BusEvent): boolean
  /** Has no effect on a run that has ended or was aborted before. */
  abort(reason: string): void
}

/**
 * What a mode may do. Receipts are given by the host, in the order of these calls. What a receipt sets off may call the
 * mode again before the call returns; the host itself never throws.
 */
export interface ModeHost {
  /** Gives the receipt `started`, or `replaced` when `replacedRunId` is given, and begins the run. */
  start(ticket: Ticket, replacedRunId?: string): ModeRun
  /** Gives any other receipt. `runId` names the run concerned where it is not the ticket's own (`signalled`). */
  decide(ticket: Ticket, outcome: ModeDecision, details?: DecisionDetails): void
}

/** The outcomes a mode gives besides starting the run. */
export type ModeDecision = 'queued' | 'dropped' | 'signalled' | 'rejected' | 'superseded'

export interface DecisionDetails {
  readonly reason?: string
  readonly runId?: string
}

/** Who holds a slot and how many wait, for one key or for a registration without keys. */
export interface Occupancy {
  readonly key?: string
  readonly active: readonly string[]
  readonly queued: number
}

/**
 * How the events of one registration (or of one key of it) may overlap. A mode owns no run: it decides when a ticket
 * starts and what happens to one that finds the workflow busy.
 *
 * Invariants every mode keeps, proved by the suite in `test/runtime/modes`:
 * - M1 every admitted ticket gets exactly one final receipt, and at most one `queued` before it;
 * - M2 tickets of equal priority start in the order they were admitted;
 * - M3 a slot is given back exactly once, whatever ended the leg that held it.
 */
export interface Mode {
  admit(ticket: Ticket): void
  /**
   * A paused run may go on: calls `go` at once, or as soon as a slot is free. `go` begins the next leg, so that
   * `run.released` stands for it from then on; for a run that has ended meanwhile it does nothing.
   */
  resume(run: ModeRun, go: () => void): void
  /**
   * Takes a waiting ticket out, giving no receipt, and returns it; `undefined` when none of that id waits. A resume
   * that waits for a slot is taken out as well. `key` only makes it quicker where there is a mode per key.
   */
  withdraw(runId: string, key?: string): Ticket | undefined
  /** A run that was recovered takes its place among the active ones, whether or not there is room. */
  adopt(run: ModeRun): void
  /** Admits nothing from now on: every waiting ticket is `dropped` for `reason`. Active runs are left alone. */
  close(reason: string): void
  /** Runs that hold a slot. */
  readonly active: readonly string[]
  /** Tickets that wait. */
  readonly queued: number
  /** The same per key; keys without an active run are absent. */
  occupancy(): readonly Occupancy[]
}
