import { SystemError } from '../../core/system-error.js'

/** Buckets per doubling of the value. A bucket is told by its middle, so what is read is off by less than 0.1%. */
const BUCKETS_PER_OCTAVE = 512
const MICROSECONDS = 1_000
/** Longer times count as this: 50 days. */
const LONGEST_MS = 2 ** 42 / MICROSECONDS
const OCTAVES = 35

/** What people look at, in milliseconds. All zero where nothing was recorded. */
export interface LatencySummary {
  readonly count: number
  readonly minMs: number
  readonly meanMs: number
  readonly p50Ms: number
  readonly p90Ms: number
  readonly p99Ms: number
  readonly p999Ms: number
  readonly maxMs: number
}

/** A histogram on its way to another thread, machine or file: plain JSON data. */
export interface EncodedHistogram {
  readonly v: 1
  readonly minMs: number
  readonly maxMs: number
  readonly sumMs: number
  /** For each bucket that is not empty, how far it is from the one before, and how much it holds. */
  readonly buckets: readonly number[]
}

/**
 * Counts times in buckets whose width grows with the value, so that a percentile of microseconds and one of minutes are
 * equally precise: within 0.1%, and within a microsecond below 1 ms. Its size depends on the range of the values, 4 kB per
 * doubling, not on their number; merging two gives what one would hold that had recorded all.
 *
 * Invariant: `count` is the sum of all buckets; percentiles lie between `minMs` and `maxMs`, which are exact.
 */
export class LatencyHistogram {
  /** One per octave, made when the first value falls into it. The first two are linear: a microsecond per bucket. */
  readonly #octaves: (Float64Array | undefined)[] = new Array<Float64Array | undefined>(OCTAVES).fill(
    undefined,
  )
  #count = 0
  #sumMs = 0
  #minMs = Infinity
  #maxMs = 0

  /** @throws {SystemError} `VALIDATION` when it is no histogram that {@link LatencyHistogram.encode} gave. */
  static decode(encoded: EncodedHistogram): LatencyHistogram {
    const histogram = new LatencyHistogram()
    const { v, minMs, maxMs, sumMs, buckets } = encoded
    if (v !== 1 || !Array.isArray(buckets) || buckets.length % 2 !== 0)
      throw notEncoded('it has another form')
    let index = -1
    for (let at = 0; at < buckets.length; at += 2) {
      const gap = buckets[at] as number
      const count = buckets[at + 1] as number
      index += gap
      if (!Number.isSafeInteger(gap) || gap < 1 || index >= OCTAVES * BUCKETS_PER_OCTAVE) {
        throw notEncoded(`buckets[${at}] is ${gap}`)
      }
      if (!Number.isSafeInteger(count) || count < 1) throw notEncoded(`buckets[${at + 1}] is ${count}`)
      histogram.#octave(index >>> 9)[index & 511] = count
      histogram.#count += count
    }
    if (histogram.#count === 0) return histogram
    if (![minMs, maxMs, sumMs].every((ms) => Number.isFinite(ms) && ms >= 0) || minMs > maxMs) {
      throw notEncoded('its bounds are no times')
    }
    histogram.#minMs = minMs
    histogram.#maxMs = maxMs
    histogram.#sumMs = sumMs
    return histogram
  }

  get count(): number {
    return this.#count
  }

  get minMs(): number {
    return this.#count === 0 ? 0 : this.#minMs
  }

  get maxMs(): number {
    return this.#maxMs
  }

  get meanMs(): number {
    return this.#count === 0 ? 0 : this.#sumMs / this.#count
  }

  /**
   * @param ms What was measured; a clock that was set back gives a negative time, which counts as 0.
   * @param count How often.
   * @throws {SystemError} `VALIDATION` when it is no time at all.
   */
  record(ms: number, count = 1): void {
    if (!(ms >= 0)) {
      if (Number.isNaN(ms))
        throw new SystemError('VALIDATION', 'Cannot record NaN as a latency: give milliseconds')
      ms = 0
    }
    ms = Math.min(ms, LONGEST_MS)
    const index = bucketOf(ms)
    this.#octave(index >>> 9)[index & 511]! += count
    this.#count += count
    this.#sumMs += ms * count
    if (ms < this.#minMs) this.#minMs = ms
    if (ms > this.#maxMs) this.#maxMs = ms
  }

  /**
   * Records a time of one that waits for its answer before it asks again, and should have asked every
   * `expectedIntervalMs`: the requests that it did not send meanwhile would have waited for the rest of that time, so they
   * are recorded as well. Without this a target that stands still for a minute is one bad sample among thousands.
   */
  recordCorrected(ms: number, expectedIntervalMs: number): void {
    this.record(ms)
    if (!(expectedIntervalMs > 0)) return
    for (let missed = ms - expectedIntervalMs; missed >= expectedIntervalMs; missed -= expectedIntervalMs) {
      this.record(missed)
    }
  }

  /** The time that `percent` of all values do not exceed, in milliseconds; 0 where there are none. */
  percentile(percent: number): number {
    if (this.#count === 0 || percent <= 0) return this.minMs
    if (percent >= 100) return this.#maxMs
    // 99.9% of 1 000 are 999, and not 999.0000000000001.
    let left = Math.max(1, Math.ceil(Number(((percent / 100) * this.#count).toPrecision(12))))
    for (const [octave, counts] of this.#octaves.entries()) {
      if (!counts) continue
      for (let at = 0; at < BUCKETS_PER_OCTAVE; at++) {
        left -= counts[at]!
        if (left <= 0) {
          return Math.min(this.#maxMs, Math.max(this.#minMs, middleOf(octave * BUCKETS_PER_OCTAVE + at)))
        }
      }
    }
    return this.#maxMs
  }

  summary(): LatencySummary {
    return {
      count: this.#count,
      minMs: this.minMs,
      meanMs: this.meanMs,
      p50Ms: this.percentile(50),
      p90Ms: this.percentile(90),
      p99Ms: this.percentile(99),
      p999Ms: this.percentile(99.9),
      maxMs: this.maxMs,
    }
  }

  /** Adds what another one holds. */
  merge(other: LatencyHistogram): void {
    for (const [octave, counts] of other.#octaves.entries()) {
      if (!counts) continue
      const own = this.#octave(octave)
      for (let at = 0; at < BUCKETS_PER_OCTAVE; at++) own[at]! += counts[at]!
    }
    this.#count += other.#count
    this.#sumMs += other.#sumMs
    this.#minMs = Math.min(this.#minMs, other.#minMs)
    this.#maxMs = Math.max(this.#maxMs, other.#maxMs)
  }

  /** Forgets everything; what was allocated is kept for what comes. */
  reset(): void {
    for (const counts of this.#octaves) counts?.fill(0)
    this.#count = 0
    this.#sumMs = 0
    this.#minMs = Infinity
    this.#maxMs = 0
  }

  encode(): EncodedHistogram {
    const buckets: number[] = []
    let last = -1
    for (const [octave, counts] of this.#octaves.entries()) {
      if (!counts) continue
      for (let at = 0; at < BUCKETS_PER_OCTAVE; at++) {
        if (counts[at] === 0) continue
        const index = octave * BUCKETS_PER_OCTAVE + at
        buckets.push(index - last, counts[at]!)
        last = index
      }
    }
    return { v: 1, minMs: this.minMs, maxMs: this.#maxMs, sumMs: this.#sumMs, buckets }
  }

  #octave(octave: number): Float64Array {
    return (this.#octaves[octave] ??= new Float64Array(BUCKETS_PER_OCTAVE))
  }
}

function bucketOf(ms: number): number {
  const us = Math.round(ms * MICROSECONDS)
  if (us < 2 * BUCKETS_PER_OCTAVE) return us
  // The exponent of 2, of numbers of more than 32 bits as well.
  const exponent = us < 2 ** 31 ? 31 - Math.clz32(us) : 53 - Math.clz32(Math.floor(us / 2 ** 22))
  const width = 2 ** (exponent - 9)
  return (exponent - 8) * BUCKETS_PER_OCTAVE + (Math.floor(us / width) - BUCKETS_PER_OCTAVE)
}

function middleOf(index: number): number {
  if (index < 2 * BUCKETS_PER_OCTAVE) return index / MICROSECONDS
  const width = 2 ** ((index >>> 9) - 1)
  const from = ((index & 511) + BUCKETS_PER_OCTAVE) * width
  return (from + width / 2) / MICROSECONDS
}

function notEncoded(why: string): SystemError {
  return new SystemError(
    'VALIDATION',
    `Cannot read the histogram: ${why}, where encode() gives buckets as gaps and counts`,
  )
}
