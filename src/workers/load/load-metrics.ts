import { LatencyHistogram } from '../telemetry/latency-histogram.js'
import type { TelemetrySnapshot } from '../telemetry/telemetry-snapshot.js'
import { LoadSeries } from './load-series.js'

/** What all runners of a load have counted together. */
export interface LoadTotals {
  /** Iterations that ended. */
  readonly iterations: number
  readonly errors: number
  readonly requests: number
  readonly retries: number
  readonly dropped: number
  readonly interrupted: number
  /** Bytes. */
  readonly tx: number
  readonly rx: number
}

type MutableTotals = { -readonly [Key in keyof LoadTotals]: number }

/** What happened while a stage of the profile lasted. */
export interface StageMetrics {
  readonly name: string
  iterations: number
  readonly responseTime: LatencyHistogram
}

/**
 * Puts the telemetry of many runners together: totals, histograms, and how it went over time.
 *
 * Invariant: the totals are the sums of what the runners counted, whatever was reset meanwhile; they never go down.
 */
export class LoadMetrics {
  readonly serviceTime = new LatencyHistogram()
  readonly responseTime = new LatencyHistogram()
  readonly series = new LoadSeries()
  readonly startedAt: number
  readonly #last = new Map<string, TelemetrySnapshot>()
  readonly #stages = new Map<string, StageMetrics>()
  readonly #totals: MutableTotals = {
    iterations: 0,
    errors: 0,
    requests: 0,
    retries: 0,
    dropped: 0,
    interrupted: 0,
    tx: 0,
    rx: 0,
  }
  #active = 0

  /** @param startedAt Epoch milliseconds. */
  constructor(startedAt: number) {
    this.startedAt = startedAt
  }

  get totals(): LoadTotals {
    return this.#totals
  }

  /** Iterations under way, as far as runners have told. */
  get active(): number {
    return this.#active
  }

  /** In the order in which they began. */
  get stages(): readonly StageMetrics[] {
    return [...this.#stages.values()]
  }

  add(snapshot: TelemetrySnapshot): void {
    const before = this.#last.get(snapshot.runnerId)
    const known = before?.resets === snapshot.resets ? before : undefined
    this.#last.set(snapshot.runnerId, snapshot)
    const grown = (key: CounterKey) => snapshot[key] - (known?.[key] ?? 0)
    for (const [total, key] of COUNTERS) this.#totals[total] += grown(key)
    this.#active += snapshot.activeIterations - (before?.activeIterations ?? 0)
    const { samples, stage } = snapshot
    for (let at = 0; at + 1 < samples.length; at += 2) {
      this.serviceTime.record(samples[at]!)
      this.responseTime.record(samples[at + 1]!)
    }
    if (stage !== undefined) this.#addToStage(stage, samples)
    this.series.add(snapshot.at - this.startedAt, {
      iterations: grown('iterationCount'),
      errors: grown('errorCount'),
      dropped: grown('droppedIterations'),
      active: this.#active,
      samples,
    })
  }

  /** The runner has ended: nothing of it is under way any more. */
  end(runnerId: string): void {
    this.#active -= this.#last.get(runnerId)?.activeIterations ?? 0
    const last = this.#last.get(runnerId)
    if (last) this.#last.set(runnerId, { ...last, activeIterations: 0, samples: [] })
  }

  #addToStage(name: string, samples: readonly number[]): void {
    let stage = this.#stages.get(name)
    if (!stage) {
      stage = { name, iterations: 0, responseTime: new LatencyHistogram() }
      this.#stages.set(name, stage)
    }
    stage.iterations += samples.length / 2
    for (let at = 1; at < samples.length; at += 2) stage.responseTime.record(samples[at]!)
  }
}

const COUNTERS = [
  ['iterations', 'iterationCount'],
  ['errors', 'errorCount'],
  ['requests', 'requestCount'],
  ['retries', 'retryCount'],
  ['dropped', 'droppedIterations'],
  ['interrupted', 'interruptedIterations'],
  ['tx', 'tx'],
  ['rx', 'rx'],
] as const

type CounterKey = (typeof COUNTERS)[number][1]
