import { type Duration, isDuration, toMs } from '../../core/duration.js'
import { isPlainObject } from '../../core/plain-data.js'
import { type Issue, SystemError } from '../../core/system-error.js'
import type { LatencyHistogram } from '../telemetry/latency-histogram.js'
import type { LoadTotals } from './load-metrics.js'

const TIMES = ['responseTime', 'serviceTime'] as const
const COUNTS = [
  'iterations',
  'requests',
  'retries',
  'errors',
  'droppedIterations',
  'interruptedIterations',
] as const

/** What a threshold can be about. */
export type ThresholdMetric = (typeof TIMES)[number] | (typeof COUNTS)[number]

/** A bound, such as `'p(95)<500'`; as an object when breaking it is to end the load. */
export type Threshold =
  | string
  | {
      readonly threshold: string
      /** Stops the load, or the runner, when it is broken. @default false */
      readonly abortOnFail?: boolean
      /** Not looked at before so long after the start: at first there are few numbers. @default 0 */
      readonly after?: Duration
    }

/**
 * Bounds on the numbers of a load, by metric.
 *
 * - `responseTime`, `serviceTime`, in milliseconds: `p(95)<500`, with any percentile; `avg`, `med`, `min`, `max`.
 * - `errors`, `droppedIterations`, `interruptedIterations`, `retries`: `count<10`, or `rate<0.01` per iteration.
 * - `iterations`, `requests`: `count>1000`, or `rate>50` per second.
 *
 * With `<`, `<=`, `>`, `>=`, `==` or `!=`. A floor such as `count>1000` is broken until it is reached.
 */
export type Thresholds = Readonly<Partial<Record<ThresholdMetric, readonly Threshold[]>>>

/** What thresholds are held against. */
export interface ThresholdFigures {
  readonly totals: LoadTotals
  readonly serviceTime: LatencyHistogram
  readonly responseTime: LatencyHistogram
  readonly durationMs: number
}

/** One threshold and how it stands. */
export interface ThresholdResult {
  readonly metric: ThresholdMetric
  readonly threshold: string
  /** `null` where there is nothing to tell it from, and it holds. */
  readonly actual: number | null
  readonly ok: boolean
}

export interface CompiledThreshold {
  readonly metric: ThresholdMetric
  readonly text: string
  readonly abortOnFail: boolean
  readonly afterMs: number
  readonly actual: (figures: ThresholdFigures) => number
  readonly holds: (actual: number) => boolean
}

const FORM = /^\s*(avg|med|min|max|count|rate|p\((\d+(?:\.\d+)?)\))\s*(<=|>=|==|!=|<|>)\s*(\d+(?:\.\d+)?)\s*$/

/** @throws {SystemError} `VALIDATION` naming every threshold that is wrong, and what is allowed. */
export function compileThresholds(thresholds: Thresholds): readonly CompiledThreshold[] {
  const { issues, compiled } = readThresholds(thresholds)
  if (issues.length === 0) return compiled
  const told = issues.map((issue) => `"${issue.path}" ${issue.message}`).join('; ')
  throw new SystemError('VALIDATION', `Cannot use these thresholds: ${told}`, { context: { issues } })
}

/** What they come to, and everything that is wrong with them. */
export function readThresholds(thresholds: unknown): {
  readonly issues: readonly Issue[]
  readonly compiled: readonly CompiledThreshold[]
} {
  if (typeof thresholds !== 'object' || thresholds === null || !isPlainObject(thresholds)) {
    return { issues: [{ path: 'thresholds', message: 'must be a plain object' }], compiled: [] }
  }
  const issues: Issue[] = []
  const compiled: CompiledThreshold[] = []
  for (const [metric, list] of Object.entries(thresholds)) {
    const at = `thresholds.${metric}`
    if (!isMetric(metric)) {
      issues.push({ path: at, message: `is no metric: allowed are ${[...TIMES, ...COUNTS].join(', ')}` })
    } else if (!Array.isArray(list)) issues.push({ path: at, message: 'must be a list' })
    else {
      list.forEach((each: unknown, index) => {
        const result = compile(metric, each)
        if (typeof result === 'string') issues.push({ path: `${at}.${index}`, message: result })
        else compiled.push(result)
      })
    }
  }
  return { issues, compiled }
}

/** How each of them stands. One about times holds as long as there are none. */
export function evaluateThresholds(
  thresholds: readonly CompiledThreshold[],
  figures: ThresholdFigures,
): readonly ThresholdResult[] {
  return thresholds.map((each) => {
    const actual = each.actual(figures)
    return {
      metric: each.metric,
      threshold: each.text,
      actual: Number.isNaN(actual) ? null : actual,
      ok: each.holds(actual),
    }
  })
}

/** The first one that is broken and asks for the end of the load. */
export function findBreach(
  thresholds: readonly CompiledThreshold[],
  figures: ThresholdFigures,
): ThresholdResult | undefined {
  const due = thresholds.filter(({ abortOnFail, afterMs }) => abortOnFail && figures.durationMs >= afterMs)
  return evaluateThresholds(due, figures).find(({ ok }) => !ok)
}

function compile(metric: ThresholdMetric, given: unknown): CompiledThreshold | string {
  const {
    threshold,
    abortOnFail = false,
    after = 0,
    ...surplus
  } = typeof given === 'string' ? { threshold: given } : ((given ?? {}) as Readonly<Record<string, unknown>>)
  const [unknown] = Object.keys(surplus)
  if (unknown !== undefined)
    return `has "${unknown}", which is not known: allowed are threshold, abortOnFail, after`
  if (typeof abortOnFail !== 'boolean') return 'has an "abortOnFail" that is not true or false'
  if (!isDuration(after)) return 'has an "after" that is no duration such as \'10s\''
  const found = typeof threshold === 'string' ? FORM.exec(threshold) : undefined
  const allowed = isTime(metric) ? 'p(95)<500, avg, med, min or max' : 'count<10 or rate<0.01'
  if (!found) return `must be a bound such as ${allowed}`
  const [text, aggregate = '', percent = '', operator = '', limitText = ''] = found
  const isOfTimes = !['count', 'rate'].includes(aggregate)
  if (isOfTimes !== isTime(metric)) return `has no "${aggregate}": allowed is ${allowed}`
  if (Number(percent) > 100) return 'asks for a percentile above 100'
  const limit = Number(limitText)
  const holds = COMPARISONS[operator as keyof typeof COMPARISONS]
  return {
    metric,
    text: text.trim(),
    abortOnFail,
    afterMs: toMs(after),
    actual: isTime(metric) ? timeOf(metric, aggregate, Number(percent)) : countOf(metric, aggregate),
    // Without a single time nothing can be said against any.
    holds: (actual) => Number.isNaN(actual) || holds(actual, limit),
  }
}

const COMPARISONS = {
  '<': (one: number, other: number) => one < other,
  '<=': (one: number, other: number) => one <= other,
  '>': (one: number, other: number) => one > other,
  '>=': (one: number, other: number) => one >= other,
  '==': (one: number, other: number) => one === other,
  '!=': (one: number, other: number) => one !== other,
}

function timeOf(metric: (typeof TIMES)[number], aggregate: string, percent: number) {
  const read = (times: LatencyHistogram): number => {
    if (times.count === 0) return NaN
    if (aggregate === 'avg') return times.meanMs
    if (aggregate === 'med') return times.percentile(50)
    if (aggregate === 'min') return times.minMs
    return aggregate === 'max' ? times.maxMs : times.percentile(percent)
  }
  return (figures: ThresholdFigures) => read(figures[metric])
}

function countOf(metric: (typeof COUNTS)[number], aggregate: string) {
  const key = TOTALS[metric]
  if (aggregate === 'count') return ({ totals }: ThresholdFigures) => totals[key]
  if (metric === 'iterations' || metric === 'requests') {
    return ({ totals, durationMs }: ThresholdFigures) =>
      durationMs > 0 ? (totals[key] * 1000) / durationMs : NaN
  }
  return ({ totals }: ThresholdFigures) => shareOf(totals, key)
}

const TOTALS = {
  iterations: 'iterations',
  requests: 'requests',
  retries: 'retries',
  errors: 'errors',
  droppedIterations: 'dropped',
  interruptedIterations: 'interrupted',
} as const satisfies Record<(typeof COUNTS)[number], keyof LoadTotals>

/** Of what was to be done: dropped and interrupted iterations are not among those that ended. */
function shareOf(totals: LoadTotals, key: keyof LoadTotals): number {
  const isBeside = key === 'dropped' || key === 'interrupted'
  const all = isBeside ? totals.iterations + totals.dropped + totals.interrupted : totals.iterations
  return all === 0 ? NaN : totals[key] / all
}

function isTime(metric: ThresholdMetric): metric is (typeof TIMES)[number] {
  return (TIMES as readonly string[]).includes(metric)
}

function isMetric(metric: string): metric is ThresholdMetric {
  return ([...TIMES, ...COUNTS] as readonly string[]).includes(metric)
}
