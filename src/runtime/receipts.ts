import type { Ticket } from './modes/mode.js'

/** What can become of an event that matched a trigger. */
export const DISPATCH_OUTCOMES = [
  /** A run was started. Final. */
  'started',
  /** It waits for a free slot, or for its turn. One more receipt follows. */
  'queued',
  /** Debounce or throttle hold it back. One more receipt follows. */
  'delayed',
  /** Nothing will come of it: no room, too many, busy, or closed meanwhile. Final. */
  'dropped',
  /** It was written into the state of the active run, which `runId` names. Final. */
  'signalled',
  /** A run was started after the active one, which `replacedRunId` names, was aborted for it. Final. */
  'replaced',
  /** The workflow is busy and does not want to be disturbed. Final. */
  'rejected',
  /** It was here before, by its id or by its `dedupe` key. Final. */
  'duplicate',
  /** Its payload does not fit the trigger's schema, or an option's function failed on it. Final. */
  'invalid',
  /** A newer event took its place. Final. */
  'superseded',
] as const

export type DispatchOutcome = (typeof DISPATCH_OUTCOMES)[number]

/**
 * The receipt of one event at one trigger. Every event that matches gets one or two of them, the last one final:
 * `queued` and `delayed` are followed by exactly one more, every other outcome is the end.
 */
export interface DispatchResult {
  readonly outcome: DispatchOutcome
  readonly workflowId: string
  readonly triggerId: string
  readonly eventId: string
  readonly key?: string
  /** The run concerned: started, waiting to start, or signalled. */
  readonly runId?: string
  /** The run that was aborted for this one. */
  readonly replacedRunId?: string
  /** Why nothing came of it, or why not yet. A sentence for people. */
  readonly reason?: string
  /** When the receipt was given, epoch milliseconds. */
  readonly at: number
}

/** Says whether no further receipt follows. */
export function isFinal(outcome: DispatchOutcome): boolean {
  return outcome !== 'queued' && outcome !== 'delayed'
}

/** Makes a frozen receipt; what is `undefined` is left out. */
export function createReceipt(
  outcome: DispatchOutcome,
  workflowId: string,
  ticket: Pick<Ticket, 'triggerId' | 'event' | 'key'>,
  at: number,
  details: Pick<DispatchResult, 'runId' | 'replacedRunId' | 'reason'> = {},
): DispatchResult {
  const { triggerId, event, key } = ticket
  const receipt: { -readonly [Name in keyof DispatchResult]: DispatchResult[Name] } = {
    outcome,
    workflowId,
    triggerId,
    eventId: event.id,
    at,
  }
  if (key !== undefined) receipt.key = key
  if (details.runId !== undefined) receipt.runId = details.runId
  if (details.replacedRunId !== undefined) receipt.replacedRunId = details.replacedRunId
  if (details.reason !== undefined) receipt.reason = details.reason
  return Object.freeze(receipt)
}

export type DispatchCounts = Readonly<Record<DispatchOutcome, number>>

/** Which receipts are asked for. */
export interface DispatchQuery {
  readonly workflowId?: string
  readonly key?: string
  /** How many receipts at most, the last ones. The counts do not depend on it. @default all that are kept */
  readonly limit?: number
}

export interface DispatchAnswer {
  /** In the order in which they were given. */
  readonly receipts: readonly DispatchResult[]
  /**
   * Receipts per outcome: of everything since the start, or, when a `key` was asked for, of the receipts that are kept.
   * An event with two receipts counts under both.
   */
  readonly counts: DispatchCounts
}

/**
 * The last receipts, in a ring that is overwritten, and how many there ever were per workflow and outcome.
 * Appending costs the same whatever is kept.
 */
export class ReceiptLog {
  readonly #limit: number
  readonly #ring: DispatchResult[] = []
  readonly #counts = new Map<string, Record<DispatchOutcome, number>>()
  /** Where the oldest stands once the ring is full. */
  #oldest = 0

  /** @param limit How many receipts are kept, over all workflows; a whole number from 0. @default 1000 */
  constructor({ limit = 1000 }: { readonly limit?: number } = {}) {
    this.#limit = limit
  }

  append(receipt: DispatchResult): void {
    let counts = this.#counts.get(receipt.workflowId)
    if (!counts) this.#counts.set(receipt.workflowId, (counts = zeroCounts()))
    counts[receipt.outcome]++
    if (this.#ring.length < this.#limit) this.#ring.push(receipt)
    else if (this.#limit > 0) {
      this.#ring[this.#oldest] = receipt
      this.#oldest = (this.#oldest + 1) % this.#limit
    }
  }

  /** Answers "why did my event do nothing?". */
  dispatches({ workflowId, key, limit = Infinity }: DispatchQuery = {}): DispatchAnswer {
    const kept = [...this.#ring.slice(this.#oldest), ...this.#ring.slice(0, this.#oldest)].filter(
      (receipt) =>
        (workflowId === undefined || receipt.workflowId === workflowId) &&
        (key === undefined || receipt.key === key),
    )
    const counts = zeroCounts()
    if (key !== undefined) for (const { outcome } of kept) counts[outcome]++
    else {
      for (const [id, each] of this.#counts) {
        if (workflowId !== undefined && id !== workflowId) continue
        for (const outcome of DISPATCH_OUTCOMES) counts[outcome] += each[outcome]
      }
    }
    return { receipts: kept.slice(Math.max(0, kept.length - limit)), counts }
  }

  /** Ends the counting for a workflow that is gone, so that the log does not grow with their number. */
  forget(workflowId: string): void {
    this.#counts.delete(workflowId)
  }
}

/** What there is to tell before anything happened. */
export function noReceipts(): DispatchAnswer {
  return { receipts: [], counts: zeroCounts() }
}

function zeroCounts(): Record<DispatchOutcome, number> {
  return Object.fromEntries(DISPATCH_OUTCOMES.map((outcome) => [outcome, 0])) as Record<
    DispatchOutcome,
    number
  >
}
