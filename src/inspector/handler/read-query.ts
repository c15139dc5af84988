import { SystemError } from '../../core/system-error.js'
import type { DispatchQuery } from '../../runtime/receipts.js'
import { type RunFilter, TIMELINE_STATUSES, type TimelineStatus } from '../../timeline/timeline-store.js'

/** How much one request can ask for. */
export const LIMITS = {
  /** Runs in a page. */
  runs: 500,
  /** Events in a page. */
  events: 2000,
  /** Bytes of JSON in a page of events; a single event may exceed it. */
  eventBytes: 4_000_000,
  receipts: 1000,
  /** Bytes of a command. */
  body: 1_000_000,
  /** Streams that are open at once. */
  streams: 32,
  /** Characters of an id, a key or a cursor. */
  text: 12_000,
} as const

export function readRunFilter(query: URLSearchParams): RunFilter {
  const status = readText(query, 'status')
  if (status !== undefined && !(TIMELINE_STATUSES as readonly string[]).includes(status)) {
    throw malformed('status', `must be one of ${TIMELINE_STATUSES.join(', ')}`, status)
  }
  return withoutUndefined({
    workflowId: readText(query, 'workflowId'),
    status: status as TimelineStatus | undefined,
    from: readNumber(query, 'from', -8.64e15, 8.64e15),
    to: readNumber(query, 'to', -8.64e15, 8.64e15),
    limit: readNumber(query, 'limit', 1, LIMITS.runs),
    cursor: readText(query, 'cursor'),
  })
}

export function readDispatchQuery(query: URLSearchParams): DispatchQuery {
  return withoutUndefined({
    workflowId: readText(query, 'workflowId'),
    key: readText(query, 'key'),
    limit: readNumber(query, 'limit', 0, LIMITS.receipts) ?? 200,
  })
}

/** A whole number within bounds; `undefined` when it is not there. */
export function readNumber(
  query: URLSearchParams,
  name: string,
  min: number,
  max: number,
): number | undefined {
  const text = query.get(name)
  if (text === null) return undefined
  const value = text.trim() === '' ? NaN : Number(text)
  if (!Number.isInteger(value) || value < min || value > max) {
    throw malformed(name, `must be a whole number from ${min} to ${max}`, text)
  }
  return value
}

function readText(query: URLSearchParams, name: string): string | undefined {
  const text = query.get(name) ?? undefined
  if (text !== undefined && text.length > LIMITS.text) {
    throw malformed(name, `must have at most ${LIMITS.text} characters`, `${text.length} characters`)
  }
  return text
}

function malformed(name: string, demand: string, given: string): SystemError {
  const shown = given.length > 50 ? `${given.slice(0, 50)}…` : given
  return new SystemError('VALIDATION', `Cannot answer: "${name}" ${demand}: it is ${shown}`, {
    context: { name },
  })
}

type Defined<Fields> = { [Name in keyof Fields]?: Exclude<Fields[Name], undefined> }

function withoutUndefined<Fields extends object>(fields: Fields): Defined<Fields> {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined),
  ) as Defined<Fields>
}
