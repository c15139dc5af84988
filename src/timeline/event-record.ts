import type { Patch } from 'immer'
import type { TimelineEvent, TimelineSource, TimelineState } from './timeline-event.js'

/**
 * Events of one run that follow each other, as they stand in one record: in columns, since names of fields, the id of
 * the run and the numbers, repeated for each event, would be more than half of what is stored.
 */
export interface EventRecord {
  readonly first: number
  readonly timestamps: readonly number[]
  readonly sources: readonly TimelineSource[]
  readonly types: readonly TimelineEvent['type'][]
  readonly payloads: readonly TimelineEvent['payload'][]
  /** By the index of the event. */
  readonly deltas: Readonly<Record<number, readonly Patch[]>>
  readonly snapshots: Readonly<Record<number, TimelineState>>
}

/** @param events At least one. */
export function toEventRecord(events: readonly TimelineEvent[]): EventRecord {
  const deltas: Record<number, readonly Patch[]> = {}
  const snapshots: Record<number, TimelineState> = {}
  events.forEach(({ delta, snapshot }, index) => {
    if (delta) deltas[index] = delta
    if (snapshot) snapshots[index] = snapshot
  })
  return {
    first: events[0]!.seq,
    timestamps: events.map(({ timestamp }) => timestamp),
    sources: events.map(({ source }) => source),
    types: events.map(({ type }) => type),
    payloads: events.map(({ payload }) => payload),
    deltas,
    snapshots,
  }
}

/** The events of a record from `from` to `to`, both included. */
export function eventsOf(runId: string, record: EventRecord, from: number, to: number): TimelineEvent[] {
  const { first, timestamps, sources, types, payloads, deltas, snapshots } = record
  const events: TimelineEvent[] = []
  const end = Math.min(types.length, to - first + 1)
  for (let index = Math.max(0, from - first); index < end; index++) {
    const delta = deltas[index]
    const snapshot = snapshots[index]
    events.push({
      runId,
      seq: first + index,
      timestamp: timestamps[index]!,
      source: sources[index]!,
      type: types[index]!,
      payload: payloads[index]!,
      ...(delta ? { delta } : {}),
      ...(snapshot ? { snapshot } : {}),
    })
  }
  return events
}
