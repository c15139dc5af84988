import type { Clock } from '../../core/clock.js'

/** How many lines of one worker are sent in a second: more would drown its manager. */
export const MAX_LINES_PER_SECOND = 1000

/** Lets so many lines of a worker through in a second, and says afterwards how many it did not. */
export class LogBudget {
  readonly #clock: Clock
  #since = 0
  #count = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Whether one more line may leave; `dropped` is how many did not in the second before, told once. */
  take(): { readonly isAllowed: boolean; readonly dropped: number } {
    const now = this.#clock.now()
    let dropped = 0
    if (now - this.#since >= 1000) {
      dropped = Math.max(0, this.#count - MAX_LINES_PER_SECOND)
      this.#since = now
      this.#count = 0
    }
    return { isAllowed: ++this.#count <= MAX_LINES_PER_SECOND, dropped }
  }
}
