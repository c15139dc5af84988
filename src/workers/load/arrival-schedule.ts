/** A piece of an open load: a rate that goes evenly from one value to another. Rates are per millisecond. */
export interface RateSegment {
  readonly durationMs: number
  readonly fromRate: number
  readonly toRate: number
}

/** How starts are apart: at random where there is `random`, else evenly. */
export interface ArrivalSpacing {
  /** Numbers from 0 to below 1. */
  readonly random?: () => number
  /** The area of the first start, from 0 to below 1; for even spacing. @default 0 */
  readonly phase?: number
}

/**
 * When iterations of an open load should start, in milliseconds since the start of the load; nothing that happens can
 * delay it. The area below the rate says how many starts there were: evenly spaced, start number k is where the area
 * reaches k, counted from 0 (or from `phase`); at random, the areas between starts are exponentially distributed with mean 1, which makes
 * a Poisson process whose rate follows the segments.
 */
export class ArrivalSchedule {
  readonly endsAtMs: number
  readonly #segments: readonly RateSegment[]
  /** How far the area of the next start is from the one before. */
  readonly #gap: () => number
  readonly #isEven: boolean
  readonly #phase: number
  /** Index, begin and area before the segment in which the next start is. */
  #segment = 0
  #beginMs = 0
  #areaBefore = 0
  #area: number
  #nextMs = 0

  constructor(segments: readonly RateSegment[], { random, phase = 0 }: ArrivalSpacing = {}) {
    this.#segments = segments
    this.#isEven = random === undefined
    this.#phase = phase
    this.#gap = random ? () => -Math.log(1 - random()) : () => 1
    this.#area = random ? this.#gap() : phase
    this.endsAtMs = segments.reduce((sum, { durationMs }) => sum + durationMs, 0)
    this.#locate()
  }

  /** The next start; `Infinity` when there is none left. */
  get nextMs(): number {
    return this.#nextMs
  }

  /** Goes on to the start after this one. */
  take(): void {
    this.#area += this.#gap()
    this.#locate()
  }

  /** Leaves out what should have started before `elapsedMs`. */
  skipTo(elapsedMs: number): void {
    this.#segment = 0
    this.#beginMs = 0
    this.#areaBefore = 0
    const passed = this.#areaUntil(elapsedMs)
    this.#area = this.#isEven
      ? this.#phase + Math.ceil(passed - this.#phase - tolerance(passed))
      : passed + this.#gap()
    this.#locate()
  }

  #areaUntil(elapsedMs: number): number {
    let left = elapsedMs
    let area = 0
    for (const segment of this.#segments) {
      if (left <= 0) break
      const { durationMs, fromRate, toRate } = segment
      const part = Math.min(1, left / durationMs)
      area += part * durationMs * (fromRate + ((toRate - fromRate) * part) / 2)
      left -= durationMs
    }
    return area
  }

  #locate(): void {
    for (; this.#segment < this.#segments.length; this.#segment++) {
      const segment = this.#segments[this.#segment]!
      const size = areaOf(segment)
      const within = this.#area - this.#areaBefore
      // A start that falls on the end belongs to the next segment.
      if (within < size - tolerance(this.#areaBefore + size)) {
        this.#nextMs = this.#beginMs + timeOfArea(segment, Math.max(0, within))
        return
      }
      this.#beginMs += segment.durationMs
      this.#areaBefore += size
    }
    this.#nextMs = Infinity
  }
}

function areaOf({ durationMs, fromRate, toRate }: RateSegment): number {
  return (durationMs * (fromRate + toRate)) / 2
}

/** How long it takes until the area below the rate is `area`. */
function timeOfArea({ durationMs, fromRate, toRate }: RateSegment, area: number): number {
  if (area === 0) return 0
  const slope = (toRate - fromRate) / durationMs
  // This form of the solution keeps its digits where the slope is nearly zero.
  return (2 * area) / (fromRate + Math.sqrt(Math.max(0, fromRate * fromRate + 2 * slope * area)))
}

/** What sums of fractions may be off by. */
function tolerance(area: number): number {
  return 1e-9 * Math.max(1, area)
}
