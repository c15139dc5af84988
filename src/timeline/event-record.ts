import type { Patch } from 'immer'
import { sourceOf } from './event-log.js'
import type { TimelineEvent, TimelineSource, TimelineState } from './timeline-event.js'

/**
 * Events of one run that follow each other, as they stand in one record: in columns, since names of fields, the id of
 * the run and the numbers, repeated for each event, would be more than half of what is stored.
 */
export interface EventRecord {
  readonly first: number
  /** When the first event was, epoch milliseconds. */
  readonly since: number
  /** How many milliseconds later each was. */
  readonly after: readonly number[]
  readonly types: readonly TimelineEvent['type'][]
  /** Each once: what begins and what ends a step have one in common, as stages have. */
  readonly payloads: readonly TimelineEvent['payload'][]
  /** By the index of the event, where its payload stands; absent where each has the one at its own index. */
  readonly payloadAt?: readonly number[]
  /** By the index of the event; only where the type does not say it. */
  readonly sources?: Readonly<Record<number, TimelineSource>>
  readonly deltas?: Readonly<Record<number, readonly Patch[]>>
  readonly snapshots?: Readonly<Record<number, TimelineState>>
}

/** How many events stand in one record at most: a record costs more than the events in it. */
const EVENTS_PER_RECORD = 200

/** Beyond so many bytes a record takes no further event, so that large states stay within what stores allow. */
const BYTES_PER_RECORD = 1024 * 1024

/** So far back a payload is looked for: events that have one in common are close to each other. */
const LOOK_BACK = 8

/**
 * Events as they are put into records of their own. The same events give the same records, however often they are written.
 *
 * @param sizes Of each event, in bytes.
 */
export function splitEvents(events: readonly TimelineEvent[], sizes: readonly number[]): TimelineEvent[][] {
  const records: TimelineEvent[][] = []
  let bytes = Infinity
  events.forEach((event, index) => {
    const record = records.at(-1)
    const isFull = !record || record.length >= EVENTS_PER_RECORD || bytes >= BYTES_PER_RECORD
    if (isFull) records.push([event])
    else record.push(event)
    bytes = (isFull ? 0 : bytes) + sizes[index]!
  })
  return records
}

/** @param events At least one. */
export function toEventRecord(events: readonly TimelineEvent[]): EventRecord {
  const { seq: first, timestamp: since } = events[0]!
  const after: number[] = []
  const types: TimelineEvent['type'][] = []
  const payloads: TimelineEvent['payload'][] = []
  const payloadAt: number[] = []
  // Field by field: an object that several others are spread into has a hidden class of its own on Node 20.
  const record: { -readonly [Field in keyof EventRecord]: EventRecord[Field] } = {
    first,
    since,
    after,
    types,
    payloads,
  }
  let sources: Record<number, TimelineSource> | undefined
  let deltas: Record<number, readonly Patch[]> | undefined
  let snapshots: Record<number, TimelineState> | undefined
  events.forEach(({ timestamp, type, source, payload, delta, snapshot }, index) => {
    after.push(timestamp - since)
    types.push(type)
    payloadAt.push(placeIn(payloads, payload))
    if (source !== sourceOf(type)) (sources ??= {})[index] = source
    if (delta) (deltas ??= {})[index] = delta
    if (snapshot) (snapshots ??= {})[index] = snapshot
  })
  if (payloads.length < events.length) record.payloadAt = payloadAt
  if (sources) record.sources = sources
  if (deltas) record.deltas = deltas
  if (snapshots) record.snapshots = snapshots
  return record
}

/** Where a payload stands, put at the end where it is new. */
function placeIn(payloads: TimelineEvent['payload'][], payload: TimelineEvent['payload']): number {
  const { length } = payloads
  for (let at = length - 1; at >= 0 && at >= length - LOOK_BACK; at--) {
    if (payloads[at] === payload) return at
  }
  return payloads.push(payload) - 1
}

/** The events of a record from `from` to `to`, both included. */
export function eventsOf(runId: string, record: EventRecord, from: number, to: number): TimelineEvent[] {
  const { first, since, after, sources, types, payloads, payloadAt, deltas, snapshots } = record
  const events: TimelineEvent[] = []
  const end = Math.min(types.length, to - first + 1)
  for (let index = Math.max(0, from - first); index < end; index++) {
    const type = types[index]!
    const delta = deltas?.[index]
    const snapshot = snapshots?.[index]
    events.push({
      runId,
      seq: first + index,
      timestamp: since + after[index]!,
      source: sources?.[index] ?? sourceOf(type),
      type,
      payload: payloads[payloadAt?.[index] ?? index]!,
      ...(delta ? { delta } : {}),
      ...(snapshot ? { snapshot } : {}),
    })
  }
  return events
}
