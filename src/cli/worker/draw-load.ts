import type { LatencySummary } from '../../workers/telemetry/latency-histogram.js'
import type { LoadTotals } from '../../workers/load/load-metrics.js'
import type { LoadInterval } from '../../workers/load/load-series.js'
import type { ThresholdResult } from '../../workers/load/thresholds.js'
import { renderTable } from '../terminal/table.js'
import { type Terminal, oneLine } from '../terminal/terminal.js'

/** What is shown of a load, while it runs and when it is over. */
export interface LoadFigures {
  readonly totals: LoadTotals
  readonly durationMs: number
  readonly responseTime: LatencySummary
  readonly serviceTime: LatencySummary
  readonly stages: readonly {
    readonly name: string
    readonly iterations: number
    readonly responseTime: LatencySummary
  }[]
  readonly series: readonly LoadInterval[]
  readonly thresholds: readonly ThresholdResult[]
}

const LEVELS = '▁▂▃▄▅▆▇█'

/** Counts, percentiles, both over time, and how the thresholds stand. */
export function drawLoad(figures: LoadFigures, terminal: Terminal): string {
  const { series } = figures
  return [drawCounts(figures, terminal), drawTimes(figures, terminal)]
    .concat(series.length > 1 ? [drawCourse(series, terminal)] : [])
    .concat(figures.thresholds.length > 0 ? [drawThresholds(figures.thresholds, terminal)] : [])
    .join('\n\n')
}

function drawCounts({ totals, durationMs }: LoadFigures, { paint }: Terminal): string {
  const perSecond = (count: number) => `${formatCount(durationMs > 0 ? (count * 1000) / durationMs : 0)}/s`
  const share = (count: number, of: number) => (of > 0 ? formatShare(count / of) : '')
  const planned = totals.iterations + totals.dropped + totals.interrupted
  const rows: [name: string, count: number, note: string, isBad: boolean][] = [
    ['iterations', totals.iterations, perSecond(totals.iterations), false],
    ['errors', totals.errors, share(totals.errors, totals.iterations), totals.errors > 0],
  ]
  if (totals.requests > 0) rows.push(['requests', totals.requests, perSecond(totals.requests), false])
  if (totals.retries > 0)
    rows.push(['retries', totals.retries, share(totals.retries, totals.iterations), false])
  if (totals.dropped > 0) rows.push(['dropped', totals.dropped, share(totals.dropped, planned), true])
  if (totals.interrupted > 0)
    rows.push(['interrupted', totals.interrupted, share(totals.interrupted, planned), true])
  const texts = rows.map(([, count]) => formatCount(count))
  const width = Math.max(9, ...texts.map(({ length }) => length))
  return rows
    .map(([name, , note, isBad], index) => {
      const figure = texts[index]!.padStart(width)
      return `${name.padEnd(12)}${isBad ? paint('red', figure) : paint('bold', figure)}  ${paint('dim', note)}`
    })
    .join('\n')
}

function drawTimes({ responseTime, serviceTime, stages }: LoadFigures, terminal: Terminal): string {
  const cells = (times: LatencySummary) =>
    times.count === 0
      ? ['·', '·', '·', '·', '·']
      : [times.p50Ms, times.p90Ms, times.p99Ms, times.p999Ms, times.maxMs].map(formatLatency)
  return renderTable(
    [
      { name: '', cells: ['p50', 'p90', 'p99', 'p99.9', 'max'], style: 'dim' },
      { name: 'response', cells: cells(responseTime) },
      { name: 'service', cells: cells(serviceTime) },
      ...stages.map(({ name, responseTime: times }) => ({
        name: `  ${oneLine(name, 20)}`,
        cells: cells(times),
      })),
    ],
    terminal,
  )
}

/** The newest intervals, one character each. */
function drawCourse(series: readonly LoadInterval[], { width, paint }: Terminal): string {
  const shown = series.slice(-Math.max(10, Math.min(60, width - 34)))
  const rates = shown.map(({ iterations, durationMs }) => (iterations * 1000) / durationMs)
  const times = shown.map(({ responseP99Ms }) => responseP99Ms)
  const line = (
    name: string,
    values: readonly number[],
    color: 'cyan' | 'yellow',
    format: (value: number) => string,
  ) =>
    `${name.padEnd(12)}${paint(color, sparkline(values))}  ${paint('dim', `up to ${format(Math.max(...values))}`)}`
  return [
    line('iterations', rates, 'cyan', (value) => `${formatCount(value)}/s`),
    line('p99', times, 'yellow', formatLatency),
  ].join('\n')
}

function sparkline(values: readonly number[]): string {
  const highest = Math.max(...values)
  return values
    .map((value) => (value <= 0 ? ' ' : LEVELS[Math.min(7, Math.floor((value / highest) * 8))]))
    .join('')
}

export function drawThresholds(thresholds: readonly ThresholdResult[], { paint }: Terminal): string {
  const width = Math.max(...thresholds.map(({ metric, threshold }) => metric.length + threshold.length + 1))
  return thresholds
    .map(({ metric, threshold, actual, ok }) => {
      const mark = ok ? paint('green', '✓') : paint('red', '✗')
      const is = actual === null ? 'nothing measured' : `is ${formatActual(metric, threshold, actual)}`
      return `${mark} ${`${metric} ${threshold}`.padEnd(width)}  ${paint(ok ? 'dim' : 'red', is)}`
    })
    .join('\n')
}

function formatActual(metric: string, threshold: string, actual: number): string {
  if (metric === 'responseTime' || metric === 'serviceTime') return formatLatency(actual)
  if (!threshold.startsWith('rate')) return formatCount(actual)
  return metric === 'iterations' || metric === 'requests' ? `${formatCount(actual)}/s` : formatShare(actual)
}

/** Three digits, with the unit that suits: `870 µs`, `12.3 ms`, `2.01 s`. */
export function formatLatency(ms: number): string {
  if (ms === 0) return '0 ms'
  if (ms < 0.9995) return `${Number((ms * 1000).toPrecision(3))} µs`
  if (ms < 999.5) return `${Number(ms.toPrecision(3))} ms`
  return `${(ms / 1000).toPrecision(3)} s`
}

export function formatCount(count: number): string {
  return count >= 99.95 || Number.isInteger(count)
    ? Math.round(count).toLocaleString('en')
    : String(Number(count.toPrecision(3)))
}

function formatShare(share: number): string {
  return `${Number((share * 100).toPrecision(3))}%`
}
