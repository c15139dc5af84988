import type { BusEvent } from '../core/bus-event.js'
import { type Clock, systemClock } from '../core/clock.js'
import { type Issue, SystemError } from '../core/system-error.js'
import { fromBase64, toBase64 } from '../core/base64.js'
import { adoptEnvelope } from './envelope.js'
import { jsonIssues } from './json-payload.js'

/**
 * An event in the JSON format of CloudEvents 1.0, as far as Busline writes and reads it.
 * https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
 */
export interface CloudEvent {
  readonly specversion: '1.0'
  readonly id: string
  /** A URI reference. Where the event's own source is none, its escaped form; `urn:busline:none` where it has none. */
  readonly source: string
  readonly type: string
  /** RFC 3339, UTC, with milliseconds. */
  readonly time?: string
  /** `application/json` with `data`, `application/octet-stream` with `data_base64`. */
  readonly datacontenttype?: string
  /** The payload; absent when it is `undefined`. */
  readonly data?: unknown
  /** The payload when it is a `Uint8Array`, in Base64. */
  readonly data_base64?: string
  /** Extension attribute: the event's `correlationId`. */
  readonly correlationid?: string
  /** Extension attribute: the event's `causationId`. */
  readonly causationid?: string
  /** Extension attribute of CloudEvents' partitioning extension: the event's `key`. */
  readonly partitionkey?: string
  /** Extension attribute: the event's own `source`, where that is not a URI reference. */
  readonly buslinesource?: string
}

export interface FromCloudEventOptions {
  /** Gives the timestamp of an event that has no `time`. @default the host's */
  readonly clock?: Clock
}

/** The `source` of an event without one, because CloudEvents demands one. */
const NO_SOURCE = 'urn:busline:none'

/** CloudEvents' name of each field of an envelope that is a string. */
const ATTRIBUTES = {
  id: 'id',
  type: 'type',
  source: 'source',
  correlationId: 'correlationid',
  causationId: 'causationid',
  key: 'partitionkey',
} as const

const FIELDS = Object.keys(ATTRIBUTES) as (keyof typeof ATTRIBUTES)[]

/** What no string of CloudEvents may contain: control characters, lone surrogates, noncharacters. */
const FORBIDDEN = /[\p{Cc}\p{Cs}\p{Noncharacter_Code_Point}]/u

/** RFC 3339 with any number of decimals. */
const DATE_TIME =
  /^(\d{4})-(0[1-9]|1[0-2])-(\d\d)T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/i

/**
 * The event as a CloudEvent: an object for `JSON.stringify`, from which {@link fromCloudEvent} makes an equal event.
 * The payload is shared, not copied.
 *
 * @throws {SystemError} `VALIDATION` listing every place where something would be lost: a payload that is neither JSON
 * nor a `Uint8Array`, or a control character in an attribute.
 */
export function toCloudEvent(event: BusEvent): CloudEvent {
  const { payload, timestamp, ...strings } = adoptEnvelope(event, 'convert')
  const isBinary = payload instanceof Uint8Array
  const issues: Issue[] = FIELDS.filter((field) => FORBIDDEN.test(strings[field] ?? '')).map((path) => ({
    path,
    message: 'must not contain control characters, lone surrogates or noncharacters',
  }))
  if (payload !== undefined && !isBinary) issues.push(...jsonIssues(payload, 'payload'))
  refuseAny('convert an event to a CloudEvent', issues)

  const attributes: Record<string, unknown> = { specversion: '1.0', time: new Date(timestamp).toISOString() }
  for (const field of FIELDS) {
    if (strings[field] !== undefined) attributes[ATTRIBUTES[field]] = strings[field]
  }
  const { source } = strings
  attributes['source'] = source === undefined ? NO_SOURCE : escapeSource(source)
  // Also said of an event whose source happens to read like that of the events without one.
  if (source === NO_SOURCE || (source !== undefined && attributes['source'] !== source)) {
    attributes['buslinesource'] = source
  }
  if (payload !== undefined) {
    attributes['datacontenttype'] = isBinary ? 'application/octet-stream' : 'application/json'
    attributes[isBinary ? 'data_base64' : 'data'] = isBinary ? toBase64(payload) : payload
  }
  return attributes as unknown as CloudEvent
}

/**
 * The event that a CloudEvent stands for, frozen, to be given to `bus.dispatch`. `input` comes from outside and is not
 * trusted: it is what `JSON.parse` returned. Attributes that a Busline event has no field for are ignored; `time` is
 * read to the millisecond, and an event without it happened now.
 *
 * @throws {SystemError} `VALIDATION` listing everything that is wrong, by attribute.
 */
export function fromCloudEvent(
  input: unknown,
  { clock = systemClock }: FromCloudEventOptions = {},
): BusEvent {
  const attributes = readAttributes(input)
  const issues: Issue[] = []
  const readText = (name: string, isRequired: boolean): string | undefined => {
    const value = attributes.get(name)
    if (value === undefined && !isRequired) return undefined
    if (typeof value === 'string' && value !== '' && !FORBIDDEN.test(value)) return value
    const message = 'must be a non-empty string without control characters'
    issues.push({ path: name, message: isRequired ? message : `${message}, or absent` })
    return undefined
  }

  if (attributes.get('specversion') !== '1.0') issues.push({ path: 'specversion', message: 'must be "1.0"' })
  const fields: Record<string, unknown> = {}
  for (const field of FIELDS) {
    fields[field] = readText(ATTRIBUTES[field], field === 'id' || field === 'type' || field === 'source')
  }
  if (fields['type'] === '*')
    issues.push({ path: 'type', message: 'must not be "*", which stands for all types' })
  const ownSource = readText('buslinesource', false)
  if (ownSource !== undefined) fields['source'] = ownSource
  else if (fields['source'] === NO_SOURCE) fields['source'] = undefined
  readText('datacontenttype', false)

  const time = readText('time', false)
  const timestamp = time === undefined ? Math.floor(clock.now()) : parseTime(time)
  if (Number.isNaN(timestamp)) {
    issues.push({ path: 'time', message: 'must be an RFC 3339 time such as "2026-01-31T12:00:00.000Z"' })
  }
  const payload = readPayload(attributes, issues)
  refuseAny('read a CloudEvent', issues)
  return adoptEnvelope({ ...fields, timestamp, payload }, 'read')
}

/** The object's own properties, read once; `null` says that an attribute is not set, as the format allows. */
function readAttributes(input: unknown): ReadonlyMap<string, unknown> {
  const refuseInput = (message: string) => refuse('read a CloudEvent', [{ path: '', message }])
  if (typeof input !== 'object' || input === null) return refuseInput('must be an object')
  try {
    return new Map(Object.entries(input).filter(([name, value]) => value !== null || name === 'data'))
  } catch {
    return refuseInput('must be readable, but reading it threw')
  }
}

function readPayload(attributes: ReadonlyMap<string, unknown>, issues: Issue[]): unknown {
  const base64 = attributes.get('data_base64')
  if (base64 === undefined) return attributes.get('data')
  if (attributes.has('data')) {
    issues.push({ path: 'data_base64', message: 'must not be given together with "data"' })
  }
  const bytes = typeof base64 === 'string' ? fromBase64(base64) : undefined
  if (!bytes) issues.push({ path: 'data_base64', message: 'must be a Base64 string with padding' })
  return bytes
}

/** Epoch milliseconds, or `NaN`. */
function parseTime(time: string): number {
  const [, year, month, day] = DATE_TIME.exec(time) ?? []
  // `Date` takes the 30th of February for the 2nd of March. Four centuries on, the calendar repeats, without the
  // years before 100, which `Date.UTC` moves into the 20th century.
  const lastDay = new Date(Date.UTC(Number(year) + 400, Number(month), 0)).getUTCDate()
  return Number(day) >= 1 && Number(day) <= lastDay ? Date.parse(time) : NaN
}

/** The source as it is where it can be part of a URI reference, else with everything else escaped. */
function escapeSource(source: string): string {
  return /^(?:[\w\-.~:/?#[\]@!$&'()*+,;=]|%[\da-f]{2})+$/i.test(source) ? source : encodeURIComponent(source)
}

function refuseAny(verb: string, issues: readonly Issue[]): void {
  if (issues.length > 0) refuse(verb, issues)
}

function refuse(verb: string, issues: readonly Issue[]): never {
  const { path, message } = issues[0]!
  const what = path === '' ? 'it' : `"${path}"`
  throw new SystemError('VALIDATION', `Cannot ${verb}: ${what} ${message}`, { context: { issues } })
}
