import type { LoadSummary } from './load-summary.js'
import type { LoadInterval } from './load-series.js'

const WIDTH = 960
const LEFT = 64
const RIGHT = 24
const LATENCY = { top: 104, height: 200 }
const THROUGHPUT = { top: 368, height: 140 }
const HEIGHT = 556

const P99 = '#dc2626'
const P50 = '#2563eb'
const SERVICE = '#f59e0b'
const RATE = '#0d9488'
const BAD = '#b91c1c'
const INK = '#0f172a'
const MUTED = '#64748b'
const GRID = '#e2e8f0'

interface Panel {
  readonly top: number
  readonly height: number
}

/** Draws latency and throughput of a load over time, as one SVG file that needs nothing else. */
export function loadChart({
  name,
  durationMs,
  series,
  totals,
  responseTime,
  ok,
  ...summary
}: LoadSummary): string {
  const endMs = Math.max(1, durationMs)
  const x = (ms: number) => LEFT + (Math.min(ms, endMs) / endMs) * (WIDTH - LEFT - RIGHT)
  const middle = ({ fromMs, durationMs: lasted }: LoadInterval) => x(fromMs + lasted / 2)
  const perSecond = (count: number, each: LoadInterval) => (count * 1000) / each.durationMs

  const highestMs = niceAbove(
    Math.max(1, ...series.map((each) => Math.max(each.responseP99Ms, each.serviceP99Ms))),
  )
  const highestRate = niceAbove(
    Math.max(1, ...series.map((each) => perSecond(each.iterations + each.dropped, each))),
  )
  const latencyY = scaleOf(LATENCY, highestMs)
  const rateY = scaleOf(THROUGHPUT, highestRate)
  const measured = series.filter(({ responseP99Ms }) => responseP99Ms > 0)
  const line = (read: (each: LoadInterval) => number, color: string, more = '') =>
    polyline(
      measured.map((each) => [middle(each), latencyY(read(each))]),
      color,
      more,
    )
  const isOpen = measured.some((each) => each.responseP99Ms > each.serviceP99Ms * 1.01 + 0.05)

  const facts = [
    `${formatCount(totals.iterations)} iterations`,
    `${formatCount(summary.iterationsPerSecond)}/s`,
    `p50 ${formatTime(responseTime.p50Ms)}`,
    `p99 ${formatTime(responseTime.p99Ms)}`,
    `${formatCount(totals.errors)} errors`,
    ...(totals.dropped > 0 ? [`${formatCount(totals.dropped)} dropped`] : []),
  ]
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="ui-sans-serif, system-ui, sans-serif" font-size="12" fill="${INK}">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" rx="8" fill="#fff"/>`,
    `<text x="24" y="34" font-size="18" font-weight="600">${escape(name)}</text>`,
    `<text x="${WIDTH - RIGHT}" y="34" text-anchor="end" font-weight="600" fill="${ok ? '#15803d' : BAD}">${ok ? 'passed' : 'failed'}</text>`,
    `<text x="24" y="56" fill="${MUTED}">${escape(facts.join('  ·  '))}</text>`,
    panel(LATENCY, 'latency', gridOf(highestMs), latencyY, formatTime),
    timeAxis(LATENCY, endMs, x),
    line(({ responseP99Ms }) => responseP99Ms, P99),
    isOpen ? line(({ serviceP99Ms }) => serviceP99Ms, SERVICE, ' stroke-dasharray="4 3"') : '',
    line(({ responseP50Ms }) => responseP50Ms, P50),
    legend(LATENCY, [
      ['response p50', P50],
      ['response p99', P99],
      ...(isOpen ? [['service p99', SERVICE] as const] : []),
    ]),
    panel(THROUGHPUT, 'iterations per second', gridOf(highestRate), rateY, formatCount),
    timeAxis(THROUGHPUT, endMs, x),
    ...series.map((each) => bars(each, x, rateY, perSecond)),
    legend(THROUGHPUT, [
      ['ended', RATE],
      ...(totals.errors > 0 ? [['errors', BAD] as const] : []),
      ...(totals.dropped > 0 ? [['dropped', MUTED] as const] : []),
    ]),
    '</svg>',
    '',
  ]
    .filter((part, index, all) => part !== '' || index === all.length - 1)
    .join('\n')
}

/** One interval: what ended well, on top of that what failed, and on top of that what could not start. */
function bars(
  each: LoadInterval,
  x: (ms: number) => number,
  y: (rate: number) => number,
  perSecond: (count: number, each: LoadInterval) => number,
): string {
  const from = x(each.fromMs)
  const width = Math.max(0.5, x(each.fromMs + each.durationMs) - from - 1)
  const errors = Math.min(each.errors, each.iterations)
  let below = 0
  return [
    [each.iterations - errors, RATE],
    [errors, BAD],
    [each.dropped, '#cbd5e1'],
  ]
    .map(([count, color]) => {
      if (count === 0) return ''
      const bottom = y(perSecond(below, each))
      below += count as number
      const top = y(perSecond(below, each))
      return `<rect x="${fix(from)}" y="${fix(top)}" width="${fix(width)}" height="${fix(bottom - top)}" fill="${color}"/>`
    })
    .join('')
}

function panel(
  { top, height }: Panel,
  title: string,
  grid: readonly number[],
  y: (value: number) => number,
  format: (value: number) => string,
): string {
  const lines = grid.map((value) => {
    const at = fix(y(value))
    return `<path d="M${LEFT} ${at}H${WIDTH - RIGHT}" stroke="${GRID}"/><text x="${LEFT - 8}" y="${fix(y(value) + 4)}" text-anchor="end" fill="${MUTED}">${format(value)}</text>`
  })
  return [
    `<text x="24" y="${top - 14}" font-weight="600">${title}</text>`,
    ...lines,
    `<path d="M${LEFT} ${top + height}H${WIDTH - RIGHT}" stroke="#94a3b8"/>`,
  ].join('')
}

function timeAxis({ top, height }: Panel, endMs: number, x: (ms: number) => number): string {
  const stepMs = niceAbove(
    endMs / 8,
    [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600].map((s) => s * 1000),
  )
  const ticks: string[] = []
  for (let ms = 0; ms <= endMs; ms += stepMs) {
    ticks.push(
      `<text x="${fix(x(ms))}" y="${top + height + 18}" text-anchor="middle" fill="${MUTED}">${formatTime(ms)}</text>`,
    )
  }
  return ticks.join('')
}

function legend({ top }: Panel, entries: readonly (readonly [text: string, color: string])[]): string {
  let at = WIDTH - RIGHT
  return [...entries]
    .reverse()
    .map(([text, color]) => {
      const end = at
      at -= text.length * 6.6 + 34
      return `<text x="${fix(end)}" y="${top - 14}" text-anchor="end" fill="${MUTED}">${text}</text><rect x="${fix(at + 18)}" y="${top - 23}" width="10" height="10" rx="2" fill="${color}"/>`
    })
    .join('')
}

function polyline(points: readonly (readonly [x: number, y: number])[], color: string, more: string): string {
  if (points.length === 0) return ''
  if (points.length === 1)
    return `<circle cx="${fix(points[0]![0])}" cy="${fix(points[0]![1])}" r="3" fill="${color}"/>`
  const path = points.map(([x, y], index) => `${index === 0 ? 'M' : 'L'}${fix(x)} ${fix(y)}`).join('')
  return `<path d="${path}" fill="none" stroke="${color}" stroke-width="2" stroke-linejoin="round"${more}/>`
}

function scaleOf({ top, height }: Panel, highest: number): (value: number) => number {
  return (value) => top + height - (Math.min(value, highest) / highest) * height
}

/** Four lines, with round numbers. */
function gridOf(highest: number): readonly number[] {
  return [0.25, 0.5, 0.75, 1].map((part) => highest * part)
}

/** The smallest round number that is not below. */
function niceAbove(value: number, steps?: readonly number[]): number {
  const found = steps?.find((step) => step >= value)
  if (found !== undefined) return found
  const magnitude = 10 ** Math.floor(Math.log10(value))
  return [1, 1.2, 1.6, 2, 2.4, 3, 4, 6, 8, 10]
    .map((factor) => factor * magnitude)
    .find((nice) => nice >= value * 0.999)!
}

function formatTime(ms: number): string {
  if (ms === 0) return '0'
  if (ms < 1) return `${Number((ms * 1000).toPrecision(3))} µs`
  if (ms < 1000) return `${Number(ms.toPrecision(3))} ms`
  if (ms < 120_000) return `${Number((ms / 1000).toPrecision(3))} s`
  return ms < 7_200_000
    ? `${Number((ms / 60_000).toPrecision(3))} min`
    : `${Number((ms / 3_600_000).toPrecision(3))} h`
}

function formatCount(count: number): string {
  return count >= 100 ? Math.round(count).toLocaleString('en') : String(Number(count.toPrecision(3)))
}

function fix(value: number): string {
  return String(Number(value.toFixed(1)))
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
