import type { BusEvent } from '../../../src/core/bus-event.js'
import type { DecisionDetails, ModeRun, Ticket } from '../../../src/runtime/modes/mode.js'
import type { AdmissionHost, Decision } from '../../../src/runtime/admission/gate.js'
import type { DispatchOutcome } from '../../../src/runtime/receipts.js'

/** A run that a test moves by hand. */
export class FakeRun implements ModeRun {
  readonly runId: string
  readonly key: string | undefined
  readonly settled: Promise<void>
  released: Promise<void>
  status: 'running' | 'paused' | 'ended' | 'settled' = 'running'
  isAborted = false
  readonly signals: string[] = []
  readonly abortReasons: string[] = []
  #settle!: () => void
  #release!: () => void

  constructor({ runId, key }: Pick<Ticket, 'runId' | 'key'>) {
    this.runId = runId
    this.key = key
    this.settled = new Promise((resolve) => (this.#settle = resolve))
    this.released = this.#leg()
  }

  pause(): void {
    this.status = 'paused'
    this.#release()
  }

  /** What is handed to `Mode.resume`. */
  goOn(): void {
    if (this.status !== 'paused') return
    this.status = 'running'
    this.released = this.#leg()
  }

  /** The outcome stands, the bookkeeping is still to be done. */
  end(): void {
    this.status = 'ended'
    this.#release()
  }

  settle(): void {
    this.status = 'settled'
    this.#release()
    this.#settle()
  }

  signal(event: BusEvent): boolean {
    if (this.status === 'ended' || this.status === 'settled') return false
    this.signals.push(event.id)
    return true
  }

  abort(reason: string): void {
    if (this.status === 'ended' || this.status === 'settled') return
    this.isAborted = true
    this.abortReasons.push(reason)
  }

  #leg(): Promise<void> {
    return new Promise((resolve) => (this.#release = resolve))
  }
}

export interface FakeReceipt {
  readonly eventId: string
  readonly outcome: DispatchOutcome
  readonly details: DecisionDetails & { readonly replacedRunId?: string }
}

/** Writes down every receipt and starts fake runs. The run of event `a` has the id `run-a`. */
export class FakeHost implements AdmissionHost {
  readonly receipts: FakeReceipt[] = []
  readonly runs: FakeRun[] = []
  /** Called with each receipt, before the call that gave it returns. */
  onReceipt: (receipt: FakeReceipt) => void = () => {}

  start(ticket: Ticket, replacedRunId?: string): FakeRun {
    const run = new FakeRun(ticket)
    this.#give(ticket, replacedRunId === undefined ? 'started' : 'replaced', {
      runId: ticket.runId,
      ...(replacedRunId === undefined ? {} : { replacedRunId }),
    })
    this.runs.push(run)
    return run
  }

  decide(ticket: Ticket, outcome: Decision, details: DecisionDetails = {}): void {
    this.#give(ticket, outcome, details)
  }

  /** The receipts so far as `event outcome`. */
  get trace(): string[] {
    return this.receipts.map(({ eventId, outcome }) => `${eventId} ${outcome}`)
  }

  run(eventId: string): FakeRun {
    const run = this.runs.find(({ runId }) => runId === `run-${eventId}`)
    if (!run) throw new Error(`No run was started for event ${eventId}`)
    return run
  }

  receipt(eventId: string, outcome: DispatchOutcome): FakeReceipt {
    const found = this.receipts.find((each) => each.eventId === eventId && each.outcome === outcome)
    if (!found) throw new Error(`Event ${eventId} has no receipt "${outcome}"`)
    return found
  }

  #give(ticket: Ticket, outcome: DispatchOutcome, details: FakeReceipt['details']): void {
    const receipt = { eventId: ticket.event.id, outcome, details }
    this.receipts.push(receipt)
    this.onReceipt(receipt)
  }
}

export function ticket(eventId: string, options: Partial<Ticket> = {}): Ticket {
  return {
    runId: `run-${eventId}`,
    triggerId: 'trigger',
    event: { id: eventId, type: 'order:placed', payload: {}, timestamp: 0 },
    key: undefined,
    priority: 0,
    ...options,
  }
}

/** Lets promises settle that are resolved, and what follows from them. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 6; turn++) await Promise.resolve()
}
