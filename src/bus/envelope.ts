import type { BusEvent, EventMeta } from '../core/bus-event.js'
import { type Issue, SystemError } from '../core/system-error.js'

/** 0000-01-01 and 9999-12-31 in epoch milliseconds: what a written date can hold. */
const FIRST_INSTANT = -62_167_219_200_000
const LAST_INSTANT = 253_402_300_799_999

type Draft = { -readonly [Field in keyof BusEvent]: BusEvent[Field] }

/** The facts of an event that are not given: where they come from. */
export interface EnvelopeDefaults {
  readonly id: () => string
  readonly now: () => number
  readonly source: string | undefined
}

/**
 * Builds the frozen envelope of a new event. Only the known fields of `meta` are read, each once, so whatever else it
 * holds, a `__proto__` key included, has no effect; an optional field that is `undefined` is absent from the envelope.
 *
 * @throws {SystemError} `VALIDATION` when the type or a field of `meta` is malformed.
 */
export function createEnvelope(
  type: string,
  payload: unknown,
  meta: EventMeta | undefined,
  defaults: EnvelopeDefaults,
): BusEvent {
  // The short way, for by far the most events: here a few dozen nanoseconds count.
  if (!meta) {
    const id = defaults.id()
    const timestamp = Math.floor(defaults.now())
    const { source } = defaults
    return seal(
      source === undefined ? { id, type, payload, timestamp } : { id, type, payload, timestamp, source },
      'publish',
    )
  }
  const { id = defaults.id(), timestamp = Math.floor(defaults.now()), source = defaults.source } = meta
  const { correlationId, causationId, key } = meta
  return seal(
    withOptional({ id, type, payload, timestamp }, { source, correlationId, causationId, key }),
    'publish',
  )
}

/**
 * The frozen envelope of an event that comes from elsewhere: a copy of its known fields, each read once, so that what
 * is checked stays true whatever the original is (a proxy, a message, an object that is still written to).
 *
 * @throws {SystemError} `VALIDATION` listing all faults; `verb` is what was tried, for the message.
 */
export function adoptEnvelope(value: unknown, verb: string): BusEvent {
  if (typeof value !== 'object' || value === null) {
    throw malformed(verb, [{ path: '', message: 'must be an object' }])
  }
  let envelope: Draft
  try {
    const { id, type, payload, timestamp } = value as BusEvent
    envelope = withOptional({ id, type, payload, timestamp }, value)
  } catch (cause) {
    throw malformed(verb, [{ path: '', message: 'must be readable, but reading it threw' }], cause)
  }
  return seal(envelope, verb)
}

/** Says whether `type` can be the type of an event: any string but `''` and `'*'`, which stands for all of them. */
export function isEventType(type: unknown): type is string {
  return isText(type) && type !== '*'
}

function withOptional(envelope: Draft, from: Partial<BusEvent>): Draft {
  for (const field of OPTIONAL_FIELDS) {
    const value = from[field]
    if (value !== undefined) envelope[field] = value
  }
  return envelope
}

function seal(envelope: Draft, verb: string): BusEvent {
  const issues = envelopeIssues(envelope)
  if (issues.length > 0) throw malformed(verb, issues)
  return Object.freeze(envelope)
}

function envelopeIssues(envelope: Draft): Issue[] {
  const issues: Issue[] = []
  const refuse = (path: string, message: string) => issues.push({ path, message })
  if (!isText(envelope.id)) refuse('id', 'must be a non-empty string')
  if (!isEventType(envelope.type)) refuse('type', 'must be a non-empty string other than "*"')
  if (!isInstant(envelope.timestamp)) {
    refuse('timestamp', 'must be a whole number of milliseconds between the years 0 and 9999')
  }
  for (const path of OPTIONAL_FIELDS) {
    const field = envelope[path]
    if (field !== undefined && !isText(field)) refuse(path, 'must be a non-empty string, or absent')
  }
  return issues
}

const OPTIONAL_FIELDS = ['source', 'correlationId', 'causationId', 'key'] as const

function malformed(verb: string, issues: readonly Issue[], cause?: unknown): SystemError {
  const { path, message } = issues[0]!
  return new SystemError(
    'VALIDATION',
    `Cannot ${verb} a malformed event: ${path === '' ? 'it' : `"${path}"`} ${message}`,
    { context: { issues }, ...(cause === undefined ? {} : { cause }) },
  )
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

function isInstant(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= FIRST_INSTANT && (value as number) <= LAST_INSTANT
}
