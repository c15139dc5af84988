import type { BusEvent } from '../../core/bus-event.js'
import type { ModeHost, ModeRun, Ticket } from './mode.js'
import { SlotMode } from './slot-mode.js'

export interface SingletonLoopModeOptions {
  readonly type: 'singleton_loop'
  /**
   * What becomes of an event while a run is active, paused or not:
   * - `drop`: it is `dropped`;
   * - `signal`: it is written into the state of the active run and is `signalled`;
   * - `replace`: the active run is aborted; the event is `queued` until that run has settled, compensation and
   *   `onComplete` included, and then is `replaced`. A newer event takes its place meanwhile: it is `superseded`.
   *
   * @default 'drop'
   */
  readonly onBusy?: 'drop' | 'signal' | 'replace'
  /**
   * What an event writes into the state of the active run, with `onBusy: 'signal'`; nothing for `undefined`.
   * @default the payload, if it is a plain object
   */
  readonly toPatch?: (event: BusEvent) => Readonly<Record<string, unknown>> | undefined
}

/**
 * One run that lives on, and that later events end, feed, or leave alone.
 *
 * At the instant a run ends there is never nothing active while an event was accepted: a signal that finds no safe point
 * to land at waits until the run has settled and then starts the next one, those behind it being signalled to that; a
 * `replace` that comes too late to abort anything starts its run as `started`.
 */
export class SingletonLoopMode extends SlotMode {
  readonly #onBusy: 'drop' | 'signal' | 'replace'

  constructor({ onBusy = 'drop' }: SingletonLoopModeOptions, host: ModeHost, onIdle?: () => void) {
    super(host, 1, onIdle)
    this.#onBusy = onBusy
  }

  protected override meetBusy(ticket: Ticket): void {
    if (this.#onBusy === 'drop') {
      this.host.decide(ticket, 'dropped', { reason: `Run ${this.active[0]} is active` })
    } else if (this.#onBusy === 'replace') {
      this.keepNewest(ticket)
      this.#abortAll()
    } else {
      this.line.add(ticket)
      this.#signalAll()
    }
  }

  protected override start(ticket: Ticket, replacedRunId?: string): void {
    super.start(ticket, replacedRunId)
    // Events that came while the host was starting the run did not find it yet.
    if (this.#onBusy === 'signal') this.#signalAll()
    else if (this.line.size > 0) this.#abortAll()
  }

  protected override giveAway(ended: ModeRun): void {
    if (!this.hasRoom) return
    const ticket = this.line.next()
    if (ticket) this.start(ticket, this.#onBusy === 'replace' && ended.isAborted ? ended.runId : undefined)
  }

  #abortAll(): void {
    const newest = this.line.peek()
    if (!newest) return
    for (const { run } of this.slots) run?.abort(`Replaced by event ${newest.event.id}`)
  }

  /** Signals those in the line, as far as the active run takes them. */
  #signalAll(): void {
    for (let ticket = this.line.peek(); ticket; ticket = this.line.peek()) {
      const run = this.#find(ticket)
      if (!run) return
      this.line.next()
      this.host.decide(ticket, 'signalled', { runId: run.runId })
    }
  }

  /** The active run that took the event; after a recovery there may be several. */
  #find({ event }: Ticket): ModeRun | undefined {
    for (const { run } of this.slots) if (run?.signal(event)) return run
    return undefined
  }
}
