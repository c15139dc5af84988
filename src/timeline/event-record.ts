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
  readonly payloads: readonly TimelineEvent['payload'][]
  /** By the index of the event; only where the type does not say it. */
  readonly sources: Readonly<Record<number, TimelineSource>>
  readonly deltas: Readonly<Record<number, readonly Patch[]>>
  readonly snapshots: Readonly<Record<number, TimelineState>>
}

/** @param events At least one. */
export function toEventRecord(events: readonly TimelineEvent[]): EventRecord {
  const { seq: first, timestamp: since } = events[0]!
  const after: number[] = []
  const types: TimelineEvent['type'][] = []
  const payloads: TimelineEvent['payload'][] = []
  const sources: Record<number, TimelineSource> = {}
  const deltas: Record<number, readonly Patch[]> = {}
  const snapshots: Record<number, TimelineState> = {}
  events.forEach(({ timestamp, type, source, payload, delta, snapshot }, index) => {
    after.push(timestamp - since)
    types.push(type)
    payloads.push(payload)
    if (source !== sourceOf(type)) sources[index] = source
    if (delta) deltas[index] = delta
    if (snapshot) snapshots[index] = snapshot
  })
  return { first, since, after, types, payloads, sources, deltas, snapshots }
}

/** The events of a record from `from` to `to`, both included. */
export function eventsOf(runId: string, record: EventRecord, from: number, to: number): TimelineEvent[] {
  const { first, since, after, sources, types, payloads, deltas, snapshots } = record
  const events: TimelineEvent[] = []
  const end = Math.min(types.length, to - first + 1)
  for (let index = Math.max(0, from - first); index < end; index++) {
    const type = types[index]!
    const delta = deltas[index]
    const snapshot = snapshots[index]
    events.push({
      runId,
      seq: first + index,
      timestamp: since + after[index]!,
      source: sources[index] ?? sourceOf(type),
      type,
      payload: payloads[index]!,
      ...(delta ? { delta } : {}),
      ...(snapshot ? { snapshot } : {}),
    })
  }
  return events
}
