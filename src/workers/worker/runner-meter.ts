import type { RunnerTelemetry } from '../runner/runner.js'
import type { RunnerCounters, TelemetrySnapshot } from '../telemetry/telemetry-snapshot.js'

/** How many lines are kept between two batches. */
const MAX_LINES = 200

/** How many samples are kept between two batches: more cannot come together while the batch rule holds. */
const MAX_SAMPLES = 20_000

/** One more than make a second: the oldest counts in part. */
const BUCKETS = 11
const BUCKET_MS = 100

const COUNTERS = ['requestCount', 'errorCount', 'retryCount', 'tx', 'rx'] as const

/**
 * The numbers of one runner where it runs.
 *
 * T1. What is counted never goes down but by `reset`, whatever user code writes into the counters.
 * T2. A sample is handed out in exactly one snapshot.
 */
export class RunnerMeter {
  readonly telemetry: RunnerTelemetry
  iterationCount = 0
  /** Also counts those that are under way: the number of the next iteration. */
  startedCount = 0
  activeIterations = 0
  droppedIterations = 0
  interruptedIterations = 0
  resets = 0
  stage: string | undefined

  readonly #ids: { readonly runnerId: string; readonly workerId: string }
  readonly #recent = new RecentRate()
  #latency = 0
  #lines: string[] = []
  #samples: number[] = []
  #floor: RunnerCounters = noCounts()
  #runningSince: number | undefined
  #ranMs = 0

  constructor(ids: { readonly runnerId: string; readonly workerId: string }) {
    this.#ids = ids
    const say = (line: string) => {
      if (this.#lines.push(line) > MAX_LINES) this.#lines.shift()
    }
    this.telemetry = { ...noCounts(), say }
  }

  /** An iteration has ended. */
  count(serviceMs: number, responseMs: number, now: number): void {
    this.iterationCount++
    this.#latency = serviceMs
    this.#recent.add(now)
    if (this.#samples.length < MAX_SAMPLES) this.#samples.push(serviceMs, responseMs)
  }

  run(now: number): void {
    this.#runningSince ??= now
  }

  rest(now: number): void {
    this.#ranMs = this.elapsedMs(now)
    this.#runningSince = undefined
  }

  /** Milliseconds in state `running`. */
  elapsedMs(now: number): number {
    return this.#ranMs + (this.#runningSince === undefined ? 0 : Math.max(0, now - this.#runningSince))
  }

  reset(now: number): void {
    Object.assign(this.telemetry, noCounts())
    this.iterationCount = 0
    this.startedCount = 0
    this.droppedIterations = 0
    this.interruptedIterations = 0
    this.resets++
    this.#recent.clear()
    this.#latency = 0
    this.#lines = []
    this.#samples = []
    this.#floor = noCounts()
    this.#ranMs = 0
    if (this.#runningSince !== undefined) this.#runningSince = now
  }

  /** What is sent: takes the lines and the samples along. */
  takeSnapshot(now: number): TelemetrySnapshot {
    const duration = this.elapsedMs(now)
    const snapshot: TelemetrySnapshot = {
      runnerId: this.#ids.runnerId,
      workerId: this.#ids.workerId,
      at: Math.floor(now),
      ...this.#takeCounters(),
      iterationCount: this.iterationCount,
      activeIterations: this.activeIterations,
      droppedIterations: this.droppedIterations,
      interruptedIterations: this.interruptedIterations,
      velocity: this.#recent.perSecond(now),
      overallVelocity: duration > 0 ? (this.iterationCount * 1000) / duration : 0,
      latency: this.#latency,
      duration,
      message: this.#lines,
      resets: this.resets,
      samples: this.#samples,
      ...(this.stage === undefined ? {} : { stage: this.stage }),
    }
    this.#lines = []
    this.#samples = []
    return snapshot
  }

  #takeCounters(): RunnerCounters {
    const { telemetry } = this
    for (const name of COUNTERS) {
      const value = telemetry[name]
      if (!(value >= this.#floor[name]) || value === Infinity) telemetry[name] = this.#floor[name]
      this.#floor[name] = telemetry[name]
    }
    const { requestCount, errorCount, retryCount, activeRequestCount, tx, rx } = telemetry
    return { requestCount, errorCount, retryCount, activeRequestCount, tx, rx }
  }
}

function noCounts(): RunnerCounters {
  return { requestCount: 0, errorCount: 0, retryCount: 0, activeRequestCount: 0, tx: 0, rx: 0 }
}

/** Counts over the last second, a tenth of a second at a time. */
class RecentRate {
  readonly #counts = new Array<number>(BUCKETS).fill(0)
  #last = 0

  add(now: number): void {
    this.#moveTo(Math.floor(now / BUCKET_MS))
    this.#counts[this.#last % BUCKETS]!++
  }

  perSecond(now: number): number {
    this.#moveTo(Math.floor(now / BUCKET_MS))
    const oldest = this.#counts[(this.#last + 1) % BUCKETS]!
    const isBefore = (now % BUCKET_MS) / BUCKET_MS
    return this.#counts.reduce((sum, count) => sum + count, 0) - oldest * isBefore
  }

  clear(): void {
    this.#counts.fill(0)
  }

  #moveTo(bucket: number): void {
    if (bucket - this.#last >= BUCKETS) this.clear()
    else for (let each = this.#last + 1; each <= bucket; each++) this.#counts[each % BUCKETS] = 0
    this.#last = Math.max(this.#last, bucket)
  }
}
