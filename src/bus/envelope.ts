import type { BusEvent, EventMeta } from '../core/bus-event.js'
import { type Issue, SystemError } from '../core/system-error.js'

const OPTIONAL_FIELDS = ['source', 'correlationId', 'causationId', 'key'] as const

/** 0000-01-01 and 9999-12-31 in epoch milliseconds: what a written date can hold. */
const FIRST_INSTANT = -62_167_219_200_000
const LAST_INSTANT = 253_402_300_799_999

/** The facts of an event that are not given: where they come from. */
export interface EnvelopeDefaults {
  readonly id: () => string
  readonly now: () => number
  readonly source: string | undefined
}

/**
 * Builds the frozen envelope of a new event. Only the known fields of `meta` are read, so whatever else it holds,
 * a `__proto__` key included, has no effect; an optional field that is `undefined` is absent from the envelope.
 *
 * @throws {SystemError} `VALIDATION` when the type or a field of `meta` is malformed.
 */
export function createEnvelope(
  type: string,
  payload: unknown,
  meta: EventMeta | undefined,
  defaults: EnvelopeDefaults,
): BusEvent {
  const envelope: { -readonly [Field in keyof BusEvent]: BusEvent[Field] } = {
    id: meta?.id === undefined ? defaults.id() : meta.id,
    type,
    payload,
    timestamp: meta?.timestamp === undefined ? Math.floor(defaults.now()) : meta.timestamp,
  }
  const source = meta?.source === undefined ? defaults.source : meta.source
  if (source !== undefined) envelope.source = source
  if (meta) {
    if (meta.correlationId !== undefined) envelope.correlationId = meta.correlationId
    if (meta.causationId !== undefined) envelope.causationId = meta.causationId
    if (meta.key !== undefined) envelope.key = meta.key
  }
  if (meta || !isEventType(type)) assertEnvelope(envelope, 'publish')
  return Object.freeze(envelope)
}

/** Says whether `type` can be the type of an event: any string but `''` and `'*'`, which stands for all of them. */
export function isEventType(type: unknown): type is string {
  return typeof type === 'string' && type !== '' && type !== '*'
}

/** Throws `VALIDATION` with all of {@link envelopeIssues}; `verb` is what was tried, for the message. */
export function assertEnvelope(value: unknown, verb: string): asserts value is BusEvent {
  const issues = envelopeIssues(value)
  if (issues.length === 0) return
  const [first] = issues
  throw new SystemError(
    'VALIDATION',
    `Cannot ${verb} a malformed event: ${first!.path === '' ? 'it' : `"${first!.path}"`} ${first!.message}`,
    { context: { issues } },
  )
}

/**
 * Every fault in the shape of an envelope, with its path. Fields must be plain own values, not getters: what is
 * checked here must still be true when it is read.
 */
export function envelopeIssues(value: unknown): readonly Issue[] {
  if (typeof value !== 'object' || value === null) return [{ path: '', message: 'must be an object' }]
  const issues: Issue[] = []
  const check = (path: string, isValid: (field: unknown) => boolean, message: string) => {
    if (!isValid(readField(value, path))) issues.push({ path, message })
  }
  check('id', isText, 'must be a non-empty string')
  check('type', isEventType, 'must be a non-empty string other than "*"')
  check('timestamp', isInstant, 'must be a whole number of milliseconds between the years 0 and 9999')
  check('payload', (payload) => payload !== GETTER, 'must not be a getter')
  for (const path of OPTIONAL_FIELDS) {
    check(path, (field) => field === undefined || isText(field), 'must be a non-empty string, or absent')
  }
  return issues
}

/** Stands for the value of a property that has none of its own. */
const GETTER = Symbol('getter')

function readField(target: object, key: string): unknown {
  try {
    const descriptor = Object.getOwnPropertyDescriptor(target, key)
    return descriptor?.get ? GETTER : descriptor?.value
  } catch {
    return GETTER
  }
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value !== ''
}

function isInstant(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= FIRST_INSTANT && (value as number) <= LAST_INSTANT
}
