import type { DurationCounts } from '../server/server-status.js'

const BOUNDS_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

/** How long requests took, in the buckets that Prometheus likes. */
export class DurationHistogram {
  readonly #counts = new Array<number>(BOUNDS_SECONDS.length + 1).fill(0)
  #sumSeconds = 0

  record(ms: number): void {
    const seconds = Math.max(0, ms) / 1000
    let bucket = 0
    while (bucket < BOUNDS_SECONDS.length && seconds > BOUNDS_SECONDS[bucket]!) bucket++
    this.#counts[bucket]!++
    this.#sumSeconds += seconds
  }

  read(): DurationCounts {
    return { boundsSeconds: BOUNDS_SECONDS, counts: [...this.#counts], sumSeconds: this.#sumSeconds }
  }
}
