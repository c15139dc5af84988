import { type Duration, toMs } from '../../core/duration.js'

/** So many in any span of that length. */
export interface RateOptions {
  /** How many may pass within `per`. A whole number from 1. */
  readonly limit: number
  /** The length of the sliding window. */
  readonly per: Duration
}

/**
 * A sliding window: the instants of the last passages, at most `limit` of them, overwritten in turn. There is no span
 * of `per`, wherever it begins, in which more than `limit` pass.
 */
export class RateWindow {
  readonly #limit: number
  readonly #perMs: number
  readonly #passages: number[] = []
  #oldest = 0
  #latest = -Infinity

  constructor({ limit, per }: RateOptions) {
    this.#limit = limit
    this.#perMs = toMs(per)
  }

  /** Milliseconds until the next may pass; 0 when one may now. */
  waitMs(now: number): number {
    if (now < this.#latest) {
      // The clock was put back; instants that are yet to come say nothing about how long ago they were.
      this.#passages.length = this.#oldest = 0
    }
    if (this.#passages.length < this.#limit) return 0
    return Math.max(0, this.#passages[this.#oldest]! + this.#perMs - now)
  }

  /** Lets one pass if it may. */
  take(now: number): boolean {
    if (this.waitMs(now) > 0) return false
    if (this.#passages.length < this.#limit) this.#passages.push(now)
    else {
      this.#passages[this.#oldest] = now
      this.#oldest = (this.#oldest + 1) % this.#limit
    }
    this.#latest = now
    return true
  }
}
