import type { BusEvent } from '../core/bus-event.js'
import { SystemError } from '../core/system-error.js'

/**
 * Delivers events one after the other, in the order in which they were added. What is added while an event is being
 * delivered waits until that one has reached everybody; otherwise `add` returns when it is delivered.
 *
 * Events are numbered from 1 as they are added: by `added` and `delivering` a subscription knows which came before it.
 */
export class DeliveryQueue {
  /** The number of the last event added. */
  added = 0
  /** The number of the event that is being, or was last, delivered. */
  delivering = 0
  isDraining = false

  readonly #deliver: (event: BusEvent) => void
  readonly #onIdle: () => void
  readonly #maxCascade: number
  readonly #events: BusEvent[] = []
  #head = 0
  /** Events that handlers have added since the outermost `add`. */
  #cascade = 0
  /** One error for all who go beyond the limit in a row, so that it can be reported once. */
  #overflow: SystemError | undefined

  /** @param deliver Must not throw. @param onIdle Called when nothing is left to deliver. */
  constructor(deliver: (event: BusEvent) => void, onIdle: () => void, maxCascade: number) {
    this.#deliver = deliver
    this.#onIdle = onIdle
    this.#maxCascade = maxCascade
  }

  /** @throws {SystemError} `LOOP_LIMIT` when handlers have added as many events as they may. */
  admit(type: string): void {
    if (!this.isDraining || ++this.#cascade <= this.#maxCascade) return
    if (this.#cascade - 1 <= this.#maxCascade) this.#overflow = loopLimit(type, this.#maxCascade)
    throw this.#overflow
  }

  /** Whether `error` is the one that `admit` threw last. */
  isOverflow(error: unknown): boolean {
    return error !== undefined && error === this.#overflow
  }

  add(event: BusEvent): void {
    this.added++
    this.#events.push(event)
    if (!this.isDraining) this.#drain()
  }

  #drain(): void {
    this.isDraining = true
    try {
      while (this.#head < this.#events.length) {
        const event = this.#events[this.#head++]!
        this.delivering++
        this.#dropDelivered()
        this.#deliver(event)
      }
    } finally {
      // Reached with events left only when the stack is exhausted; the next event added takes them along.
      this.isDraining = false
      this.#cascade = 0
      this.#onIdle()
    }
  }

  /** Keeps memory in proportion to what waits, at constant cost per event. */
  #dropDelivered(): void {
    if (this.#head === this.#events.length) this.#head = this.#events.length = 0
    else if (this.#head >= 1024 && this.#head * 2 >= this.#events.length) {
      this.#events.splice(0, this.#head)
      this.#head = 0
    }
  }
}

function loopLimit(type: string, maxCascade: number): SystemError {
  return new SystemError(
    'LOOP_LIMIT',
    `Cannot publish "${type}": handlers have published ${maxCascade} events in a row; break the loop or raise "maxCascade"`,
    { context: { type, maxCascade } },
  )
}
