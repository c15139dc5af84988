import type { ModeHost, Ticket } from './mode.js'
import { SlotMode } from './slot-mode.js'

export interface ExclusiveModeOptions {
  readonly type: 'exclusive'
  /**
   * What becomes of an event while a run is active, paused or not:
   * - `reject`: it is `rejected`;
   * - `queue_single`: it is `queued` and starts next, unless a newer one comes, by which it is `superseded`.
   *
   * @default 'reject'
   */
  readonly onBusy?: 'reject' | 'queue_single'
}

/** One run, which nothing disturbs. */
export class ExclusiveMode extends SlotMode {
  readonly #keepsNewest: boolean

  constructor({ onBusy = 'reject' }: ExclusiveModeOptions, host: ModeHost, onIdle?: () => void) {
    super(host, 1, onIdle)
    this.#keepsNewest = onBusy === 'queue_single'
  }

  protected override meetBusy(ticket: Ticket): void {
    if (this.#keepsNewest) this.keepNewest(ticket)
    else this.host.decide(ticket, 'rejected', { reason: `Run ${this.active[0]} is active` })
  }
}
