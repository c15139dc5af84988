import { LatencyHistogram } from '../telemetry/latency-histogram.js'

/** How many intervals there are at most; with one more, each two become one. */
const MAX_INTERVALS = 240

/** What one interval of a load saw. Plain data. */
export interface LoadInterval {
  /** Milliseconds since the start. */
  readonly fromMs: number
  readonly durationMs: number
  /** Iterations that ended. */
  readonly iterations: number
  readonly errors: number
  readonly dropped: number
  /** The most iterations that were seen under way at once. */
  readonly active: number
  readonly responseP50Ms: number
  readonly responseP99Ms: number
  readonly serviceP99Ms: number
}

/** What is added to an interval. */
export interface IntervalPart {
  readonly iterations: number
  readonly errors: number
  readonly dropped: number
  readonly active: number
  /** Service time and response time in turn, as in a `TelemetrySnapshot`. */
  readonly samples: readonly number[]
}

interface Cell {
  iterations: number
  errors: number
  dropped: number
  active: number
  readonly service: LatencyHistogram
  readonly response: LatencyHistogram
}

/**
 * A load over time, in intervals of one second at first; each time there are too many of them they become twice as long, so
 * that a load of a minute and one of a week take the same memory.
 */
export class LoadSeries {
  #intervalMs = 1000
  #cells: Cell[] = []

  add(elapsedMs: number, part: IntervalPart): void {
    let index = Math.floor(Math.max(0, elapsedMs) / this.#intervalMs)
    while (index >= MAX_INTERVALS) {
      this.#halve()
      index = Math.floor(Math.max(0, elapsedMs) / this.#intervalMs)
    }
    while (this.#cells.length <= index) this.#cells.push(emptyCell())
    const cell = this.#cells[index]!
    cell.iterations += part.iterations
    cell.errors += part.errors
    cell.dropped += part.dropped
    cell.active = Math.max(cell.active, part.active)
    for (let at = 0; at + 1 < part.samples.length; at += 2) {
      cell.service.record(part.samples[at]!)
      cell.response.record(part.samples[at + 1]!)
    }
  }

  /** @param elapsedMs How long the load has lasted. A last interval that is not half over counts to the one before. */
  list(elapsedMs: number): readonly LoadInterval[] {
    const whole = Math.max(1, Math.min(MAX_INTERVALS, Math.round(elapsedMs / this.#intervalMs)))
    return Array.from({ length: whole }, (_, index) => {
      const isLast = index === whole - 1
      const cells = this.#cells.slice(index, isLast ? this.#cells.length : index + 1)
      const { service, response, ...counts } =
        cells.length === 1 ? cells[0]! : cells.reduce(merge, emptyCell())
      const fromMs = index * this.#intervalMs
      return {
        fromMs,
        durationMs: isLast ? Math.max(1, elapsedMs - fromMs) : this.#intervalMs,
        ...counts,
        responseP50Ms: response.percentile(50),
        responseP99Ms: response.percentile(99),
        serviceP99Ms: service.percentile(99),
      }
    })
  }

  #halve(): void {
    this.#intervalMs *= 2
    const cells = this.#cells
    this.#cells = []
    for (let index = 0; index < cells.length; index += 2) {
      const one = cells[index]!
      const other = cells[index + 1]
      if (other) merge(one, other)
      this.#cells.push(one)
    }
  }
}

function emptyCell(): Cell {
  return {
    iterations: 0,
    errors: 0,
    dropped: 0,
    active: 0,
    service: new LatencyHistogram(),
    response: new LatencyHistogram(),
  }
}

function merge(into: Cell, from: Cell): Cell {
  into.iterations += from.iterations
  into.errors += from.errors
  into.dropped += from.dropped
  into.active = Math.max(into.active, from.active)
  into.service.merge(from.service)
  into.response.merge(from.response)
  return into
}
