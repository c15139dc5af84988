import type { TimelineEvent } from '../../timeline/timeline-event.js'
import type { RunTimelineMeta } from '../../timeline/timeline-store.js'
import { formatMs } from '../terminal/durations.js'
import { type Style, type Terminal, oneLine } from '../terminal/terminal.js'
import { type Segment, type SegmentKind, type TimelineRow, toTimelineRows } from './timeline-rows.js'

/** How a kind of segment is drawn. Kinds differ in shape as well, for those who see no colours. */
const LOOKS: Readonly<
  Record<SegmentKind, { readonly glyph: string; readonly style: Style; readonly means: string }>
> = {
  stage: { glyph: '─', style: 'dim', means: 'stage' },
  done: { glyph: '█', style: 'green', means: 'done' },
  failed: { glyph: '▒', style: 'red', means: 'failed' },
  cut: { glyph: '▚', style: 'red', means: 'cut off' },
  backoff: { glyph: '·', style: 'dim', means: 'before a retry' },
  asleep: { glyph: '░', style: 'yellow', means: 'asleep' },
  undone: { glyph: '<', style: 'yellow', means: 'undone' },
}

/** How a run stands, as a person says it. */
const STATUSES: Readonly<Record<RunTimelineMeta['status'], readonly [Style, string]>> = {
  recording: ['cyan', '… under way, after'],
  paused: ['yellow', '░ asleep, after'],
  complete: ['green', '✓ succeeded after'],
  failed: ['red', '✗ failed after'],
  aborted: ['yellow', '■ aborted after'],
}

/**
 * A run as a chart: a row per stage, step, child and pause, with bars over time.
 *
 * @param options `maxRows`: how many rows are drawn at most; how many more there are is said below. @default 16
 */
export function drawTimeline(
  meta: RunTimelineMeta,
  events: readonly TimelineEvent[],
  { width, paint }: Terminal,
  { maxRows = 16 }: { readonly maxRows?: number } = {},
): string {
  const totalMs = (meta.endTime ?? events.at(-1)?.timestamp ?? meta.startTime) - meta.startTime
  const all = toTimelineRows(events)
  const rows = all.slice(0, maxRows)
  const labelWidth = Math.min(Math.max(...rows.map(widthOf), 5), Math.floor(width / 3))
  const durations = rows.map(({ segments }) => formatMs(sumMs(segments)))
  const notes = rows.map(({ notes }) => notes.join(', '))
  const durationWidth = Math.max(0, ...durations.map(({ length }) => length))
  const noteWidth = Math.min(
    Math.max(0, ...notes.map(({ length }) => length)),
    Math.max(16, Math.floor(width * 0.3)),
  )
  const barWidth = width - labelWidth - durationWidth - noteWidth - (noteWidth > 0 ? 6 : 4)

  const [style, status] = STATUSES[meta.status]
  const eventType = oneLine(textOr(meta.metadata?.['eventType'], 'a call'), 30)
  const title = `${paint('bold', oneLine(meta.workflowId, 60))} ${paint(style, `${status} ${formatMs(totalMs)}`)}`
  const subtitle = paint('dim', oneLine(`pipeline ${meta.pipelineId}, started by ${eventType}`, width))
  const lines = rows.map(({ label, depth, segments }, index) =>
    [
      cell(`${'  '.repeat(depth)}${oneLine(label)}`, labelWidth),
      '  ',
      drawBar(segments, totalMs, barWidth, paint),
      paint('dim', durations[index]!.padStart(durationWidth + 2)),
      noteWidth > 0 ? `  ${oneLine(notes[index]!, noteWidth)}` : '',
    ]
      .join('')
      .trimEnd(),
  )
  const more = all.length > rows.length ? [paint('dim', `… and ${all.length - rows.length} more rows`)] : []
  const axis = `${' '.repeat(labelWidth + 2)}${paint('dim', drawAxis(totalMs, barWidth))}`
  return [title, subtitle, axis, ...lines, ...more, ...errorLines(events, width, paint)].join('\n')
}

/** What the shapes mean: of all kinds, or of those that were drawn. */
export function drawLegend({ width, paint }: Terminal, kinds?: ReadonlySet<SegmentKind>): string {
  const entries = Object.entries(LOOKS)
    .filter(([kind]) => kinds?.has(kind as SegmentKind) ?? true)
    .map(([, { glyph, style, means }]) => ({
      length: means.length + 4,
      text: `${paint(style, glyph.repeat(2))} ${means}`,
    }))
  const lines: string[][] = [[]]
  let used = 0
  for (const { length, text } of entries) {
    if (used + length > width) {
      lines.push([])
      used = 0
    }
    lines.at(-1)!.push(text)
    used += length + 2
  }
  return lines.map((line) => line.join('   ')).join('\n')
}

/**
 * Each cell shows the kind that takes most of its time; something shorter than a cell still gets one, so that nothing
 * is invisible.
 */
function drawBar(
  segments: readonly Segment[],
  totalMs: number,
  width: number,
  paint: Terminal['paint'],
): string {
  const cells = new Array<SegmentKind | undefined>(width)
  const weights = new Array<number>(width).fill(0)
  const cellMs = Math.max(totalMs, 1) / width
  for (const { kind, from, to } of segments) {
    const first = Math.min(width - 1, Math.floor(from / cellMs))
    const last = Math.max(first, Math.min(width - 1, Math.ceil(to / cellMs) - 1))
    for (let index = first; index <= last; index++) {
      const overlap = Math.min(to, (index + 1) * cellMs) - Math.max(from, index * cellMs)
      const weight = Math.max(overlap, 0) + (kind === 'backoff' ? 0 : cellMs / 100)
      if (weight <= weights[index]!) continue
      weights[index] = weight
      cells[index] = kind
    }
  }
  let bar = ''
  for (let index = 0; index < width;) {
    const kind = cells[index]
    let end = index + 1
    while (end < width && cells[end] === kind) end++
    bar += kind ? paint(LOOKS[kind].style, LOOKS[kind].glyph.repeat(end - index)) : ' '.repeat(end - index)
    index = end
  }
  return bar
}

/** Marks at the beginning, at each quarter where there is room, and at the end. */
function drawAxis(totalMs: number, width: number): string {
  const end = formatMs(totalMs)
  const cells = [...'0'.padEnd(width - end.length), ...end]
  const parts = width >= 48 ? 4 : 2
  for (let part = 1; part < parts; part++) {
    const label = formatMs((totalMs * part) / parts)
    const at = Math.round((width * part) / parts) - Math.floor(label.length / 2)
    if (at > 2 && at + label.length < width - end.length - 1) cells.splice(at, label.length, ...label)
  }
  return cells.join('').replaceAll(/ {3,}/g, (gap) => ` ${'╌'.repeat(gap.length - 2)} `)
}

function errorLines(events: readonly TimelineEvent[], width: number, paint: Terminal['paint']): string[] {
  // A child has a path; that it failed does not mean that the run did.
  const end = events.findLast(
    ({ type, payload }) => /^pipeline:(failure|abort)$/.test(type) && payload['path'] === undefined,
  )
  const error = end?.payload['error'] as { readonly message?: string } | undefined
  return error?.message ? [paint('red', oneLine(error.message, width))] : []
}

function sumMs(segments: readonly Segment[]): number {
  return segments.reduce((sum, { from, to }) => sum + to - from, 0)
}

function widthOf({ label, depth }: TimelineRow): number {
  return 2 * depth + label.length
}

function cell(text: string, width: number): string {
  return (text.length > width ? `${text.slice(0, width - 1)}…` : text).padEnd(width)
}

function textOr(value: unknown, otherwise: string): string {
  return typeof value === 'string' ? value : otherwise
}
