import type { ModeHost, Ticket } from './mode.js'
import { SlotMode } from './slot-mode.js'

export interface SerializedModeOptions {
  readonly type: 'serialized'
  /** How many events may wait; one more is `dropped`. A whole number from 0, or `Infinity`. @default Infinity */
  readonly capacity?: number
}

/** One run after the other, in the order of the events. The next one waits for a paused run, too. */
export class SerializedMode extends SlotMode {
  readonly #capacity: number

  constructor({ capacity = Infinity }: SerializedModeOptions, host: ModeHost, onIdle?: () => void) {
    super(host, 1, onIdle)
    this.#capacity = capacity
  }

  protected override meetBusy(ticket: Ticket): void {
    this.queueUp(ticket, this.#capacity)
  }
}
