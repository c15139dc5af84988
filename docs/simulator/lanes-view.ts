import type { TracedEvent } from './simulation.js'

/** How much of the past is shown. */
const WINDOW_MS = 20_000
const LANE_KEYS = ['A', 'B'] as const
const ROW = 26
const BAR = 18
const MIN_ROWS = 4
const LEFT = 44
/** Room beyond the present, for the words of what was just refused. */
const RIGHT = 104
const TOP = 28
const SVG = 'http://www.w3.org/2000/svg'
/** Ends of events that became no run. */
const LOST: readonly string[] = ['dropped', 'rejected', 'superseded', 'invalid']

/** Draws events and runs on a strip of time, a lane per key; the newest stand at the right. */
export function drawLanes(svg: SVGSVGElement, events: readonly TracedEvent[], now: number): void {
  const width = svg.clientWidth || 800
  const scale = (width - LEFT - RIGHT) / WINDOW_MS
  const from = Math.max(0, now - WINDOW_MS)
  const x = (at: number) => LEFT + (Math.max(at, from) - from) * scale
  const ground: Element[] = []
  const bars: Element[] = []
  let top = TOP
  for (const key of LANE_KEYS) {
    const shown = events.filter((event) => event.key === key && endOf(event, now) > from)
    const rows = layRows(shown, now)
    const height = Math.max(MIN_ROWS, ...rows.map((row) => row + 1)) * ROW + 14
    ground.push(rect(0, top, width, height, 'lane'), text(16, top + height / 2 + 6, key, 'lane-key'))
    shown.forEach((event, index) => bars.push(...drawEvent(event, top + 8 + rows[index]! * ROW, x, now)))
    top += height + 10
  }
  for (let at = Math.ceil(from / 5000) * 5000; at <= now; at += 5000) {
    if (at < 0) continue
    ground.push(
      line(x(at), TOP - 6, x(at), top - 10, 'tick'),
      text(x(at) + 4, 16, `${at / 1000} s`, 'tick-text'),
    )
  }
  bars.push(line(x(now), TOP - 6, x(now), top - 10, 'now'))
  svg.setAttribute('viewBox', `0 0 ${width} ${top}`)
  svg.setAttribute('height', String(top))
  svg.replaceChildren(...ground, ...bars)
}

function drawEvent(event: TracedEvent, y: number, x: (at: number) => number, now: number): Element[] {
  const { at, run, receipts, number } = event
  const last = receipts.at(-1)?.outcome ?? 'queued'
  const parts: Element[] = []
  const waitedUntil = run?.startedAt ?? receipts.at(-1)?.at ?? now
  const isWaiting = !run && receipts.length === 1 && last === 'queued'
  const waitEnd = isWaiting ? now : waitedUntil
  if (waitEnd > at) parts.push(rect(x(at), y, x(waitEnd) - x(at), BAR, 'queued'))
  if (run) {
    const end = run.endedAt ?? now
    const status = run.endedAt === undefined ? 'run' : run.status === 'aborted' ? 'aborted' : 'done'
    parts.push(rect(x(run.startedAt), y, Math.max(3, x(end) - x(run.startedAt)), BAR, status))
    // A bar that is narrower than its number shows it when it has grown.
    if (x(end) - x(run.startedAt) > 18)
      parts.push(text(x(run.startedAt) + 6, y + 13, String(number), 'bar-text'))
  } else if (LOST.includes(last)) {
    const place = x(receipts.at(-1)!.at)
    parts.push(cross(place + 5, y + BAR / 2), text(place + 14, y + 13, `${number} ${last}`, 'lost-text'))
  } else if (last === 'signalled') {
    parts.push(diamond(x(at), y + BAR / 2), text(x(at) + 9, y + 13, `${number} signal`, 'signal-text'))
  }
  if (isWaiting) parts.push(text(x(at) + 6, y + 13, String(number), 'bar-text waits'))
  return parts
}

/** A row for each event, so that none covers another: the first that is free at its time. */
function layRows(events: readonly TracedEvent[], now: number): number[] {
  const freeFrom: number[] = []
  return events.map((event) => {
    const row = freeFrom.findIndex((free) => free <= event.at)
    const place = row === -1 ? freeFrom.length : row
    freeFrom[place] = endOf(event, now)
    return place
  })
}

/** When nothing of the event is drawn any more; marks take room for their words. */
function endOf({ run, receipts, at }: TracedEvent, now: number): number {
  if (run) return run.endedAt ?? now
  const last = receipts.at(-1)
  return last && last.outcome !== 'queued' ? Math.max(last.at, at) + 3500 : now
}

function make(name: string, attributes: Readonly<Record<string, string | number>>): Element {
  const element = document.createElementNS(SVG, name)
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value))
  return element
}

function rect(x: number, y: number, width: number, height: number, kind: string): Element {
  return make('rect', { x, y, width: Math.max(0, width), height, rx: 4, class: kind })
}

function line(x1: number, y1: number, x2: number, y2: number, kind: string): Element {
  return make('line', { x1, y1, x2, y2, class: kind })
}

function text(x: number, y: number, words: string, kind: string): Element {
  const element = make('text', { x, y, class: kind })
  element.textContent = words
  return element
}

function cross(x: number, y: number): Element {
  return make('path', {
    d: `M${x - 4} ${y - 4}L${x + 4} ${y + 4}M${x - 4} ${y + 4}L${x + 4} ${y - 4}`,
    class: 'lost',
  })
}

function diamond(x: number, y: number): Element {
  return make('path', { d: `M${x} ${y - 6}L${x + 6} ${y}L${x} ${y + 6}L${x - 6} ${y}Z`, class: 'signalled' })
}
