import * as z from 'zod/mini'
import type { EventMeta } from '../../core/bus-event.js'

/** An event as a line says it. */
export interface EventLine {
  readonly type: string
  readonly payload: unknown
  readonly meta: EventMeta
  /** Where it stood, counted from 1. */
  readonly line: number
}

/** A line that is no event. */
export interface BadLine {
  /** Counted from 1. */
  readonly line: number
  readonly reason: string
}

const isOwn = (type: string) => type === '*' || /^(run|bus):/.test(type)
const text = z.string('must be a text').check(z.minLength(1, 'must not be empty'))

const eventLine = z.object({
  type: text.check(z.refine((type) => !isOwn(type), 'must not be "*", nor begin with "run:" or "bus:"')),
  payload: z.unknown().check(z.refine((payload) => payload !== undefined, 'is missing')),
  id: z.optional(text),
  timestamp: z.optional(z.number('must be epoch milliseconds').check(z.gte(0, 'must not be negative'))),
  source: z.optional(text),
  correlationId: z.optional(text),
  causationId: z.optional(text),
  key: z.optional(text),
})

/**
 * Reads events, one JSON object `{ "type", "payload", "id"?, … }` a line, as they come. Empty lines are passed over; what
 * is no event comes as a {@link BadLine}.
 */
export async function* readEventLines(chunks: AsyncIterable<string>): AsyncGenerator<EventLine | BadLine> {
  let number = 0
  for await (const line of splitLines(chunks)) {
    number++
    const content = number === 1 ? line.replace(/^\uFEFF/, '') : line
    if (content.trim() === '') continue
    const parsed = parseLine(content)
    yield typeof parsed === 'string' ? { line: number, reason: parsed } : { ...parsed, line: number }
  }
}

export function isBadLine(line: EventLine | BadLine): line is BadLine {
  return 'reason' in line
}

async function* splitLines(chunks: AsyncIterable<string>): AsyncGenerator<string> {
  let rest = ''
  for await (const chunk of chunks) {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop()!
    yield* lines
  }
  if (rest !== '') yield rest
}

/** The event of a line, or what is wrong with it. */
function parseLine(line: string): Omit<EventLine, 'line'> | string {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    return 'is not JSON'
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'is not a JSON object'
  const checked = eventLine.safeParse(value)
  if (!checked.success) {
    return checked.error.issues.map(({ path, message }) => `"${path.join('.')}" ${message}`).join(', ')
  }
  const { type, payload, ...meta } = checked.data
  return { type, payload, meta: withoutUndefined(meta) }
}

function withoutUndefined(meta: Record<string, unknown>): EventMeta {
  return Object.fromEntries(Object.entries(meta).filter(([, value]) => value !== undefined))
}
