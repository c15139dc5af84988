import { isFields } from '../core/is-fields.js'
import { SystemError, describe } from '../core/system-error.js'
import type { TimelineEvent } from './timeline-event.js'
import {
  type RunTimelineMeta,
  TIMELINE_STATUSES,
  type TextChunks,
  type TimelineBatch,
  type TimelineStore,
  unknownRun,
} from './timeline-store.js'

/**
 * Timelines as text: a header line with the format, its version and what is known of the run, then an event per line.
 * The number of events in the header is what tells a whole export from one that was cut short.
 *
 * What JSON cannot hold is written as `{ "$busline": [kind, …] }`: undefined, NaN, infinities, dates, binary data.
 */
const FORMAT = 'busline-timeline'
const VERSION = 1
const TAG = '$busline'
const PAGE = 500

/** The lines of an export, each with its line end. */
export async function* exportLines(store: TimelineStore, runId: string): AsyncGenerator<string> {
  const meta = await store.getRunMeta(runId)
  if (!meta) throw unknownRun(runId)
  yield `${JSON.stringify({ format: FORMAT, version: VERSION, meta: encode(meta, 'meta') })}\n`
  for (let from = 1; from <= meta.eventCount; from += PAGE) {
    const to = Math.min(from + PAGE - 1, meta.eventCount)
    const events = await store.getEvents(runId, from, to)
    // Deleted meanwhile: without a word it would look like the whole run.
    if (events.length <= to - from) throw unknownRun(runId)
    for (const event of events) yield `${JSON.stringify(encode(event, `${event.seq}`))}\n`
  }
}

/**
 * Reads an export back, whole or not at all.
 *
 * @throws {SystemError} `VALIDATION` when it is cut short or malformed, `VERSION_MISMATCH` when it is newer than this code.
 */
export async function parseExport(source: TextChunks): Promise<TimelineBatch> {
  let meta: RunTimelineMeta | undefined
  const events: TimelineEvent[] = []
  for await (const line of linesOf(source)) {
    const value = parseLine(line, events.length + (meta ? 2 : 1))
    if (!meta) meta = readHeader(value)
    else events.push(readEvent(value, meta.runId, events.length + 1))
  }
  if (!meta) throw malformed('it is empty')
  if (events.length !== meta.eventCount) {
    throw malformed(`it holds ${events.length} of ${meta.eventCount} events: it was cut short`)
  }
  const snapshotSeqs = events.filter(({ snapshot }) => snapshot !== undefined).map(({ seq }) => seq)
  // Counted anew by the store that takes it.
  const { bytes: _bytes, ...rest } = meta
  return { meta: { ...rest, snapshotSeqs }, events }
}

async function* linesOf(source: TextChunks): AsyncGenerator<string> {
  let rest = ''
  for await (const chunk of typeof source === 'string' ? [source] : source) {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop()!
    for (const line of lines) if (line.trim() !== '') yield line
  }
  if (rest.trim() !== '') yield rest
}

function parseLine(line: string, lineNumber: number): unknown {
  try {
    return decode(JSON.parse(line))
  } catch (cause) {
    throw malformed(`line ${lineNumber} is not JSON: it was cut short, or is something else`, cause)
  }
}

function readHeader(value: unknown): RunTimelineMeta {
  const { format, version, meta } = isFields(value) ? value : {}
  if (format !== FORMAT) throw malformed(`its first line is not the header of a "${FORMAT}"`)
  if (typeof version !== 'number' || version > VERSION) {
    throw new SystemError(
      'VERSION_MISMATCH',
      `Cannot import a timeline of version ${describe(version)}: this Busline reads up to version ${VERSION}; update it`,
      { context: { version, known: VERSION } },
    )
  }
  const fields = isFields(meta) ? meta : {}
  const isValid =
    [fields.runId, fields.workflowId, fields.pipelineId].every(isText) &&
    [fields.startTime, fields.eventCount, fields.snapshotInterval].every(Number.isFinite) &&
    (TIMELINE_STATUSES as readonly unknown[]).includes(fields.status) &&
    (fields.endTime === undefined || Number.isFinite(fields.endTime)) &&
    (fields.lostEvents === undefined || isCount(fields.lostEvents)) &&
    (fields.metadata === undefined || isFields(fields.metadata))
  if (!isValid) throw malformed('its header does not describe a run')
  return fields as unknown as RunTimelineMeta
}

function readEvent(value: unknown, runId: string, seq: number): TimelineEvent {
  const event = isFields(value) ? value : {}
  const isValid =
    event.runId === runId &&
    event.seq === seq &&
    Number.isFinite(event.timestamp) &&
    isText(event.type) &&
    isFields(event.payload) &&
    (event.delta === undefined || Array.isArray(event.delta)) &&
    (event.snapshot === undefined || isFields(event.snapshot))
  if (!isValid) throw malformed(`event ${seq} is missing or malformed`)
  return event as unknown as TimelineEvent
}

function malformed(reason: string, cause?: unknown): SystemError {
  return new SystemError(
    'VALIDATION',
    `Cannot import a timeline: ${reason}`,
    cause === undefined ? {} : { cause },
  )
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

function isCount(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= 0
}

const BINARY = {
  ArrayBuffer,
  DataView,
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
}

function encode(value: unknown, path: string): unknown {
  if (value === undefined) return { [TAG]: ['undefined'] }
  if (typeof value === 'number') {
    if (Object.is(value, -0)) return { [TAG]: ['number', '-0'] }
    return Number.isFinite(value) ? value : { [TAG]: ['number', String(value)] }
  }
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map((item, index) => encode(item, `${path}.${index}`))
  if (value instanceof Date) return { [TAG]: ['date', value.getTime()] }
  const kind = Object.prototype.toString.call(value).slice(8, -1)
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) return { [TAG]: [kind, toBase64(value)] }
  if (kind !== 'Object') {
    throw new SystemError(
      'VALIDATION',
      `Cannot export the value at "${path}": a ${kind} has no form in JSON`,
      {
        context: { path },
      },
    )
  }
  const entries = Object.entries(value).map(([key, each]) => [key, encode(each, `${path}.${key}`)] as const)
  return Object.hasOwn(value, TAG) ? { [TAG]: ['object', entries] } : Object.fromEntries(entries)
}

function decode(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(decode)
  if (!isFields(value)) return value
  return Array.isArray(value[TAG])
    ? decodeTagged(value[TAG] as readonly unknown[])
    : fromEntries(Object.entries(value))
}

function decodeTagged([kind, data]: readonly unknown[]): unknown {
  if (kind === 'undefined') return undefined
  if (kind === 'number') return Number(data)
  if (kind === 'date') return new Date(data === null ? NaN : (data as number))
  if (kind === 'object') return fromEntries(data as [string, unknown][])
  if (!Object.hasOwn(BINARY, kind as string)) throw new TypeError(`Unknown kind ${describe(kind)}`)
  const bytes = Uint8Array.from(atob(data as string), (char) => char.charCodeAt(0)).buffer
  if (kind === 'ArrayBuffer') return bytes
  return new BINARY[kind as 'Uint8Array'](bytes)
}

/** Unlike assignment, this makes a key `__proto__` a property like any other. */
function fromEntries(entries: readonly (readonly [string, unknown])[]): object {
  return Object.fromEntries(entries.map(([key, value]) => [key, decode(value)]))
}

function toBase64(value: ArrayBuffer | ArrayBufferView): string {
  const bytes = ArrayBuffer.isView(value)
    ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
    : new Uint8Array(value)
  let text = ''
  for (let start = 0; start < bytes.length; start += 0x8000) {
    text += String.fromCharCode(...bytes.subarray(start, start + 0x8000))
  }
  return btoa(text)
}
