import { readFile } from 'node:fs/promises'
import * as z from 'zod/mini'
import type { Delivery } from './delivery.js'

/** A line of the file that is no event. */
export interface BadLine {
  /** Counted from 1. */
  readonly line: number
  readonly reason: string
}

export interface EventFile {
  readonly deliveries: readonly Delivery[]
  readonly badLines: readonly BadLine[]
}

/** The file cannot be read at all; the message says why in one line. */
export class UnreadableFile extends Error {}

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
 * Reads a file of events, one JSON object `{ "type", "payload", "id"?, … }` a line. Empty lines are passed over; what is
 * no event is left out and told with its line number.
 *
 * @throws {UnreadableFile} When there is no such file, or it is not a file, or may not be read.
 */
export async function readEvents(file: string): Promise<EventFile> {
  return parseEvents(await readText(file))
}

export function parseEvents(ndjson: string): EventFile {
  const deliveries: Delivery[] = []
  const badLines: BadLine[] = []
  const lines = ndjson.replace(/^\uFEFF/, '').split(/\r?\n/)
  for (const [index, line] of lines.entries()) {
    if (line.trim() === '') continue
    const parsed = parseLine(line)
    if (typeof parsed === 'string') badLines.push({ line: index + 1, reason: parsed })
    else deliveries.push({ ...parsed, line: index + 1 })
  }
  return { deliveries, badLines }
}

/** The event of a line, or what is wrong with it. */
function parseLine(line: string): Delivery | string {
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

function withoutUndefined(meta: Record<string, unknown>): Delivery['meta'] {
  return Object.fromEntries(Object.entries(meta).filter(([, value]) => value !== undefined))
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException
    const reasons: Record<string, string> = {
      ENOENT: 'there is no such file',
      EISDIR: 'it is a directory',
      EACCES: 'it may not be read',
    }
    throw new UnreadableFile(`Cannot read events from "${file}": ${reasons[code] ?? code}`, { cause: error })
  }
}
