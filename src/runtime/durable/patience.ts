import type { Clock, TimerHandle } from '../../core/clock.js'
import { Linked, LinkedList } from '../../core/linked-list.js'
import type { SystemError } from '../../core/system-error.js'

/** How long a store may still take over what is under way when its user leaves. */
export const LEAVE_WITHIN_MS = 5000

/** Somebody who waits for an answer of the store. */
class Waiter extends Linked {
  readonly reject: (reason: SystemError) => void

  constructor(reject: (reason: SystemError) => void) {
    super()
    this.reject = reject
  }
}

/**
 * How long whoever writes to a store waits for it: as long as it takes, until somebody says that it is enough. From then on nothing
 * is tried again, and what is under way has {@link LEAVE_WITHIN_MS} left, so that nobody who leaves waits for a store
 * that has stopped answering.
 */
export class Patience {
  readonly #clock: Clock
  /** Those that wait now. */
  readonly #waiting = new LinkedList<Waiter>()
  #reason: SystemError | undefined
  #isOver = false
  #isClosed = false
  #timer: TimerHandle

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Why nothing is to be tried again, if so. */
  get reason(): SystemError | undefined {
    return this.#reason
  }

  /** It is enough. */
  end(reason: SystemError): void {
    if (this.#reason) return
    this.#reason = reason
    this.#startTimer(reason)
  }

  /** Settles as `answer` does, or rejects with the reason when the time is up. */
  bound<Value>(answer: Promise<Value>): Promise<Value> {
    if (this.#isOver) return Promise.reject(this.#reason!)
    // After everybody has left a hook may still have something to store.
    if (this.#isClosed) this.#startTimer(this.#reason)
    return new Promise((resolve, reject) => {
      const waiter = new Waiter(reject)
      this.#waiting.add(waiter)
      // Two handlers, not `finally`, which would be three promises more for each commit.
      answer.then(
        (value) => {
          this.#leave(waiter)
          resolve(value)
        },
        (error: unknown) => {
          this.#leave(waiter)
          reject(error)
        },
      )
    })
  }

  /** Waits a while before the next attempt; rejects when there shall be none. */
  async pause(ms: number): Promise<void> {
    let timer: TimerHandle
    await this.bound(new Promise<void>((resolve) => (timer = this.#clock.setTimeout(resolve, ms)))).finally(
      () => this.#clock.clearTimeout(timer),
    )
    if (this.#reason) throw this.#reason
  }

  /** Everybody has left. */
  close(): void {
    this.#isClosed = true
    if (this.#waiting.size === 0) this.#clearTimer()
  }

  #leave(waiter: Waiter): void {
    this.#waiting.delete(waiter)
    if (this.#isClosed && this.#waiting.size === 0) this.#clearTimer()
  }

  #startTimer(reason: SystemError | undefined): void {
    if (!reason || this.#timer !== undefined) return
    this.#timer = this.#clock.setTimeout(() => {
      this.#isOver = true
      for (const waiter of this.#waiting.toArray()) waiter.reject(reason)
    }, LEAVE_WITHIN_MS)
  }

  #clearTimer(): void {
    this.#clock.clearTimeout(this.#timer)
    this.#timer = undefined
  }
}
