import { inspect } from 'node:util'
import type { TimelineEvent, TimelineState } from '../../timeline/timeline-event.js'
import type { RunTimelineMeta } from '../../timeline/timeline-store.js'
import { formatInstant, formatMs } from '../terminal/durations.js'
import { type Style, type Terminal, oneLine } from '../terminal/terminal.js'
import { drawLegend, drawTimeline } from './draw-timeline.js'
import { toTimelineRows } from './timeline-rows.js'

/** Everything a recorded run can be drawn from. */
export interface RecordedRun {
  readonly meta: RunTimelineMeta
  readonly events: readonly TimelineEvent[]
  readonly state: TimelineState
}

const MOST_ROWS = 200
const MOST_LOGS = 100
const MOST_STATE_LINES = 60

const LEVELS: Readonly<Record<string, Style>> = { debug: 'dim', info: 'cyan', warn: 'yellow', error: 'red' }

/** A run from all sides: what ran when, its facts, the state it came to, what its steps logged. */
export function drawRun({ meta, events, state }: RecordedRun, terminal: Terminal): string {
  const { paint } = terminal
  const kinds = new Set(toTimelineRows(events).flatMap(({ segments }) => segments.map(({ kind }) => kind)))
  const logs = events.filter(({ type }) => type.startsWith('log:'))
  const stateTitle = meta.endTime === undefined ? 'state so far' : 'state at the end'
  return [
    drawTimeline(meta, events, terminal, { maxRows: MOST_ROWS }),
    ...(kinds.size > 0 ? ['', drawLegend(terminal, kinds)] : []),
    '',
    ...listFacts(meta, terminal),
    '',
    paint('bold', stateTitle),
    ...listState(state, terminal),
    ...(logs.length > 0 ? ['', paint('bold', 'logs'), ...listLogs(logs, meta, terminal)] : []),
  ].join('\n')
}

function listFacts(meta: RunTimelineMeta, { width, paint }: Terminal): string[] {
  const { triggerId, version, key, eventId } = meta.metadata ?? {}
  const facts: readonly (readonly [string, unknown])[] = [
    ['run', meta.runId],
    ['started', formatInstant(meta.startTime)],
    ['trigger', triggerId],
    ['event', eventId],
    ['key', key],
    ['version', version],
    ['recorded', `${meta.eventCount} ${meta.eventCount === 1 ? 'event' : 'events'}`],
    ['lost', meta.lostEvents === undefined ? undefined : `${meta.lostEvents} events`],
  ]
  return facts
    .filter((fact): fact is readonly [string, string] => typeof fact[1] === 'string')
    .map(([name, value]) => `${paint('dim', name.padEnd(10))}${oneLine(value, width - 10)}`)
}

function listState(state: TimelineState, { width, paint }: Terminal): string[] {
  const text = inspect(state, { depth: 8, breakLength: width - 2, maxStringLength: 500, maxArrayLength: 50 })
  const lines = text.split('\n')
  const more = lines.length - MOST_STATE_LINES
  return [
    // Spaces in front are the shape of it, and `oneLine` would take them away.
    ...lines
      .slice(0, MOST_STATE_LINES)
      .map((line) => `  ${line.slice(0, indentOf(line))}${oneLine(line.trim(), width - 2 - indentOf(line))}`),
    ...(more > 0 ? [paint('dim', `  … and ${more} more lines: --json has them all`)] : []),
  ]
}

function indentOf(line: string): number {
  return line.length - line.trimStart().length
}

function listLogs(
  logs: readonly TimelineEvent[],
  meta: RunTimelineMeta,
  { width, paint }: Terminal,
): string[] {
  const times = logs.map(({ timestamp }) => `+${formatMs(Math.max(0, timestamp - meta.startTime))}`)
  const timeWidth = Math.max(...times.map(({ length }) => length))
  const lines = logs.slice(0, MOST_LOGS).map(({ type, payload }, index) => {
    const level = type.slice('log:'.length)
    const data =
      payload['data'] === undefined ? '' : ` ${inspect(payload['data'], { breakLength: Infinity, depth: 4 })}`
    const text = `${textOf(payload['message'])}${data}`
    const front = `  ${paint('dim', times[index]!.padStart(timeWidth))}  ${paint(LEVELS[level] ?? 'dim', level.padEnd(5))}  `
    return front + oneLine(text, Math.max(20, width - timeWidth - 11))
  })
  const more = logs.length - MOST_LOGS
  return more > 0 ? [...lines, paint('dim', `  … and ${more} more: --json has them all`)] : lines
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : inspect(value, { breakLength: Infinity })
}
