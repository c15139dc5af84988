import type { Clock } from '../../core/clock.js'

/**
 * Time that only passes: what a clock shows, without its jumps. Between two readings at most `maxStepMs` go by, and never
 * less than nothing, so neither a corrected clock nor a machine that slept makes silence of workers that could not speak.
 * Must be read at least every `maxStepMs` to keep up.
 */
export class SteadyTime {
  readonly #clock: Clock
  readonly #maxStepMs: number
  #seen: number
  #now: number

  constructor(clock: Clock, maxStepMs: number) {
    this.#clock = clock
    this.#maxStepMs = maxStepMs
    this.#seen = clock.now()
    this.#now = this.#seen
  }

  now(): number {
    const seen = this.#clock.now()
    this.#now += Math.min(Math.max(0, seen - this.#seen), this.#maxStepMs)
    this.#seen = seen
    return this.#now
  }
}
