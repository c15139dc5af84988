import type { TimelineEvent } from '../../timeline/timeline-event.js'

/** What an event is about, for colours and filters. */
export type EventTone = 'start' | 'ok' | 'bad' | 'warn' | 'wait' | 'state' | 'log' | 'plain'

/** The kinds that the list of events can be filtered by. */
export const EVENT_GROUPS = [
  'pipeline',
  'stage',
  'step',
  'router',
  'subpipeline',
  'state',
  'service',
  'log',
  'watch',
] as const

export function groupOf({ type }: TimelineEvent): string {
  return type.slice(0, type.indexOf(':'))
}

export function toneOf({ type }: TimelineEvent): EventTone {
  if (type === 'log:error' || type.endsWith(':failure') || type === 'pipeline:abort') return 'bad'
  if (type === 'log:warn' || type === 'step:retry') return 'warn'
  if (type.startsWith('state:')) return 'state'
  if (type.startsWith('log:')) return 'log'
  if (type === 'pipeline:pause' || type === 'pipeline:resume' || type.startsWith('watch:')) return 'wait'
  if (type.endsWith(':success')) return 'ok'
  return type.endsWith(':start') ? 'start' : 'plain'
}

/** One line about an event. */
export function describeEvent(event: TimelineEvent): string {
  const { payload, type } = event
  const place = placeOf(event)
  const parts = type.startsWith('log:') ? [text(payload['message'])] : [place, ...detailsOf(event)]
  return parts.filter((part) => part !== undefined && part !== '').join(' · ')
}

/** Where in the run an event belongs: `pick/0/weigh`. Paths of steps name their stage already. */
function placeOf({ type, payload }: TimelineEvent): string {
  const path = text(payload['path']) ?? ''
  const stageId = text(payload['stageId'])
  if (type.startsWith('step:') || stageId === undefined) return path || (text(payload['pipelineId']) ?? '')
  return path === '' ? stageId : `${path}/${stageId}`
}

function detailsOf({ type, payload, delta }: TimelineEvent): (string | undefined)[] {
  const error = errorText(payload['error'])
  switch (type) {
    case 'stage:start':
      return [Number(payload['visit']) > 1 ? `visit ${text(payload['visit'])}` : undefined]
    case 'step:start':
    case 'step:success':
    case 'step:failure':
      return [Number(payload['attempt']) > 1 ? `attempt ${text(payload['attempt'])}` : undefined, error]
    case 'step:retry':
      return [`again in ${formatMs(Number(payload['delayMs']))}`, error]
    case 'step:progress':
      return [`${Math.round(Number(payload['fraction']) * 100)} %`, text(payload['message'])]
    case 'router:evaluated':
      return [
        payload['pauses'] === true ? 'pauses' : undefined,
        payload['next'] === undefined ? 'ends' : `→ ${text(payload['next'])}`,
      ]
    case 'pipeline:pause':
      return [`waits for ${text(payload['kind']) ?? 'something'}`]
    case 'pipeline:resume':
      return [causeText(payload['cause'])]
    case 'subpipeline:fork':
      return [`${text(payload['children'])} children`]
    case 'subpipeline:join':
      return [Number(payload['failed']) > 0 ? `${text(payload['failed'])} failed` : 'all succeeded']
    case 'state:commit':
    case 'state:signal':
      return [delta ? `${delta.length} ${delta.length === 1 ? 'change' : 'changes'}` : undefined]
    case 'watch:registered':
    case 'watch:matched':
      return [text(payload['watchId'])]
    default:
      return [text(payload['key']), error]
  }
}

/** What ended a wait: the event, somebody, or time. */
export function causeText(cause: unknown): string | undefined {
  const { kind, event, events } = (cause ?? {}) as {
    kind?: string
    event?: { type?: string }
    events?: { type?: string }[]
  }
  if (kind === 'event') return `by ${event?.type ?? 'an event'}`
  if (kind === 'events') return `by ${(events ?? []).map(({ type }) => type).join(', ')}`
  if (kind === 'manual') return 'by hand'
  return kind === 'timeout' ? 'by its timeout' : undefined
}

export function errorText(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined
  const { code, message, errors } = error as { code?: string; message?: string; errors?: unknown[] }
  // The engine sums up; the first part says what happened.
  const first = errors?.length === 1 ? errorText(errors[0]) : undefined
  return first ?? [code, message].filter(Boolean).join(': ')
}

export function text(value: unknown): string | undefined {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined
}

/** A length of time in at most two units: `820 ms`, `4.2 s`, `3 m 20 s`. */
export function formatMs(ms: number): string {
  if (!Number.isFinite(ms)) return '–'
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`
  const units: readonly (readonly [string, number])[] = [
    ['d', 86_400_000],
    ['h', 3_600_000],
    ['m', 60_000],
    ['s', 1000],
  ]
  const index = units.findIndex(([, size]) => ms >= size)
  const [unit, size] = units[index]!
  const whole = Math.floor(ms / size)
  const [smaller, smallerSize] = units[index + 1] ?? ['', 1]
  const rest = smaller === '' ? 0 : Math.floor((ms - whole * size) / smallerSize)
  return rest > 0 ? `${whole} ${unit} ${rest} ${smaller}` : `${whole} ${unit}`
}

/** An instant as time of day, in the reader's zone, to the millisecond. */
export function formatTime(at: number): string {
  const date = new Date(at)
  if (Number.isNaN(date.getTime())) return '–'
  const [h, m, s] = [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) =>
    String(part).padStart(2, '0'),
  )
  return `${h}:${m}:${s}.${String(date.getMilliseconds()).padStart(3, '0')}`
}

/** An instant with its day, in the reader's zone. */
export function formatDay(at: number): string {
  const date = new Date(at)
  if (Number.isNaN(date.getTime())) return '–'
  const [month, day] = [date.getMonth() + 1, date.getDate()].map((part) => String(part).padStart(2, '0'))
  return `${date.getFullYear()}-${month}-${day} ${formatTime(at).slice(0, 8)}`
}

/** The end of an id, which tells ids apart that begin with a time; ids that are short anyway are left alone. */
export function shortId(id: string): string {
  return id.length > 12 ? id.slice(-8) : id
}
