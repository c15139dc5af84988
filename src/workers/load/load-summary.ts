import type { LatencySummary } from '../telemetry/latency-histogram.js'
import type { LoadMetrics, LoadTotals } from './load-metrics.js'
import type { LoadInterval } from './load-series.js'
import { type CompiledThreshold, type ThresholdResult, evaluateThresholds } from './thresholds.js'

/** What came of a load. Plain JSON data. */
export interface LoadSummary {
  readonly name: string
  /** Epoch milliseconds. */
  readonly startedAt: number
  readonly durationMs: number
  readonly totals: LoadTotals
  readonly iterationsPerSecond: number
  /** Errors per iteration. */
  readonly errorRate: number
  /** From the start of an iteration to its end. */
  readonly serviceTime: LatencySummary
  /** From when it should have started: what somebody waited who came then. The same in closed models. */
  readonly responseTime: LatencySummary
  readonly stages: readonly {
    readonly name: string
    readonly iterations: number
    readonly responseTime: LatencySummary
  }[]
  /** How many runners ended in which state. */
  readonly runners: Readonly<Record<string, number>>
  /** What runners failed with, and how many did. */
  readonly failures: Readonly<Record<string, number>>
  readonly thresholds: readonly ThresholdResult[]
  /** The threshold that ended the load before its time. */
  readonly breach?: ThresholdResult
  /** Whether all thresholds hold and no runner failed. */
  readonly ok: boolean
  readonly series: readonly LoadInterval[]
}

export interface SummaryFacts {
  readonly name: string
  readonly durationMs: number
  readonly thresholds: readonly CompiledThreshold[]
  readonly runners: Readonly<Record<string, number>>
  readonly failures: Readonly<Record<string, number>>
  readonly breach?: ThresholdResult | undefined
}

export function summarizeLoad(metrics: LoadMetrics, facts: SummaryFacts): LoadSummary {
  const { name, durationMs, runners, failures, breach } = facts
  const { totals, serviceTime, responseTime, startedAt } = metrics
  const thresholds = evaluateThresholds(facts.thresholds, { totals, serviceTime, responseTime, durationMs })
  return {
    name,
    startedAt,
    durationMs,
    totals: { ...totals },
    iterationsPerSecond: durationMs > 0 ? (totals.iterations * 1000) / durationMs : 0,
    errorRate: totals.iterations > 0 ? totals.errors / totals.iterations : 0,
    serviceTime: serviceTime.summary(),
    responseTime: responseTime.summary(),
    stages: metrics.stages.map((stage) => ({
      name: stage.name,
      iterations: stage.iterations,
      responseTime: stage.responseTime.summary(),
    })),
    runners,
    failures,
    thresholds,
    ...(breach && { breach }),
    ok: !breach && Object.keys(failures).length === 0 && thresholds.every(({ ok }) => ok),
    series: metrics.series.list(durationMs),
  }
}
