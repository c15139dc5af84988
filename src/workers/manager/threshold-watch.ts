import {
  type CompiledThreshold,
  type ThresholdFigures,
  type ThresholdResult,
  type Thresholds,
  compileThresholds,
  evaluateThresholds,
} from '../load/thresholds.js'
import { LatencyHistogram } from '../telemetry/latency-histogram.js'
import type { TelemetrySnapshot } from '../telemetry/telemetry-snapshot.js'
import type { ThresholdBreach } from './worker-manager-events.js'

/**
 * Holds the numbers of one runner against its thresholds, batch by batch. A reset of the runner begins anew.
 *
 * Invariant: a breach is told once, and again only if the threshold held meanwhile.
 */
export class ThresholdWatch {
  readonly #thresholds: readonly CompiledThreshold[]
  readonly #broken = new Set<CompiledThreshold>()
  #serviceTime = new LatencyHistogram()
  #responseTime = new LatencyHistogram()
  #last: TelemetrySnapshot | undefined
  #stoppedBy: ThresholdResult | undefined

  /** @throws {SystemError} `VALIDATION` naming every threshold that is wrong. */
  constructor(thresholds: Thresholds) {
    this.#thresholds = compileThresholds(thresholds)
  }

  /** @returns what is broken now and was not before. */
  see(snapshot: TelemetrySnapshot): readonly ThresholdBreach[] {
    if (this.#last && this.#last.resets !== snapshot.resets) this.#clear()
    this.#last = snapshot
    const { samples, runnerId, workerId, at } = snapshot
    for (let index = 0; index + 1 < samples.length; index += 2) {
      this.#serviceTime.record(samples[index]!)
      this.#responseTime.record(samples[index + 1]!)
    }
    const due = this.#thresholds.filter(({ afterMs }) => snapshot.duration >= afterMs)
    const results = evaluateThresholds(due, this.#figures(snapshot))
    return due.flatMap((threshold, index) => {
      const result = results[index]!
      const { abortOnFail } = threshold
      if (result.ok) this.#broken.delete(threshold)
      if (result.ok || this.#broken.has(threshold)) return []
      this.#broken.add(threshold)
      if (abortOnFail) this.#stoppedBy ??= result
      return [{ ...result, runnerId, workerId, at, abortOnFail }]
    })
  }

  /** How all of them stand, and which one was to stop the runner. */
  verdict(): { readonly thresholds: readonly ThresholdResult[]; readonly breach?: ThresholdResult } {
    const thresholds = evaluateThresholds(this.#thresholds, this.#figures(this.#last))
    return { thresholds, ...(this.#stoppedBy && { breach: this.#stoppedBy }) }
  }

  #figures(snapshot: TelemetrySnapshot | undefined): ThresholdFigures {
    return {
      totals: {
        iterations: snapshot?.iterationCount ?? 0,
        errors: snapshot?.errorCount ?? 0,
        requests: snapshot?.requestCount ?? 0,
        retries: snapshot?.retryCount ?? 0,
        dropped: snapshot?.droppedIterations ?? 0,
        interrupted: snapshot?.interruptedIterations ?? 0,
        tx: snapshot?.tx ?? 0,
        rx: snapshot?.rx ?? 0,
      },
      serviceTime: this.#serviceTime,
      responseTime: this.#responseTime,
      durationMs: snapshot?.duration ?? 0,
    }
  }

  #clear(): void {
    this.#broken.clear()
    this.#serviceTime = new LatencyHistogram()
    this.#responseTime = new LatencyHistogram()
  }
}
