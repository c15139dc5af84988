import type { Duration } from '../core/duration.js'
import { SystemError } from '../core/system-error.js'
import type { EventLog } from './event-log.js'
import type { TimelineEvent, TimelineState } from './timeline-event.js'

export const TIMELINE_STATUSES = ['recording', 'paused', 'complete', 'failed', 'aborted'] as const

/** Where a recorded run stands. The last three are ends: nothing follows them. */
export type TimelineStatus = (typeof TIMELINE_STATUSES)[number]

/** Says whether nothing more will be recorded under this status. */
export function isFinished(status: TimelineStatus): boolean {
  return status !== 'recording' && status !== 'paused'
}

/** What is known of a recorded run without reading its events. */
export interface RunTimelineMeta extends TimelinePosition {
  readonly runId: string
  readonly workflowId: string
  readonly pipelineId: string
  /** Epoch milliseconds; absent while the run has not ended. */
  readonly endTime?: number
  /** The largest number of events between two snapshots. */
  readonly snapshotInterval: number
}

/** How far the timeline of a run has come in its store: what a recording goes on from. */
export interface TimelinePosition {
  /** When the run began, epoch milliseconds. */
  readonly startTime: number
  readonly status: TimelineStatus
  /** How many events are stored, which is also the last `seq`. */
  readonly eventCount: number
  /** The `seq` of each event that carries a snapshot, ascending. */
  readonly snapshotSeqs: readonly number[]
  /** How many events could not be kept; absent when none was lost. */
  readonly lostEvents?: number
  /** About how many bytes the events take; only where the store keeps count. */
  readonly bytes?: number
  /** What the runtime adds: the trigger, the version of the workflow, the parent of a fork. */
  readonly metadata?: Readonly<Record<string, unknown>>
}

export function positionOf(meta: RunTimelineMeta): TimelinePosition {
  const { startTime, status, eventCount, snapshotSeqs, lostEvents, bytes, metadata } = meta
  const position: { -readonly [Field in keyof TimelinePosition]: TimelinePosition[Field] } = {
    startTime,
    status,
    eventCount,
    snapshotSeqs,
  }
  // Absent rather than undefined: not every store tells the two apart.
  if (lostEvents !== undefined) position.lostEvents = lostEvents
  if (bytes !== undefined) position.bytes = bytes
  if (metadata) position.metadata = metadata
  return position
}

/** Events of one run that follow each other, and what is known of the run once they are stored. */
export interface TimelineBatch {
  readonly meta: RunTimelineMeta
  /** May be empty, when only `meta` has changed. */
  readonly events: readonly TimelineEvent[]
  /** The same events as the recorder keeps them: for a store in memory, where objects are not needed until one reads. */
  readonly log?: EventLog
  /** The status that the store holds; absent when it does not know the run yet. */
  readonly previousStatus?: TimelineStatus | undefined
}

/** A state that was stored whole. */
export interface TimelineSnapshot {
  readonly seq: number
  readonly state: TimelineState
}

export interface RunFilter {
  readonly workflowId?: string
  readonly status?: TimelineStatus
  /** Only runs that started at this instant or later, epoch milliseconds. */
  readonly from?: number
  /** Only runs that started at this instant or earlier, epoch milliseconds. */
  readonly to?: number
  /** At most so many, from 1 to 1000. @default 50 */
  readonly limit?: number
  /** The `cursor` of the page before; the run at which that ended may be gone meanwhile. */
  readonly cursor?: string
}

/** Runs, the newest first; those that began in the same millisecond stand by their ids. */
export interface RunPage {
  readonly runs: readonly RunTimelineMeta[]
  /** Present when there are more: ask again with it. */
  readonly cursor?: string
}

/** What to keep. Each bound that is given holds; runs that have not ended are always kept, though they count. */
export interface PruneOptions {
  /** Deletes runs that ended longer ago than this. */
  readonly olderThan?: Duration
  /** Deletes the oldest runs beyond so many. */
  readonly maxRuns?: number
  /** Deletes the oldest runs beyond so many bytes, counted as in {@link TimelinePosition.bytes}. */
  readonly maxBytes?: number
}

/** What a prune deleted. */
export interface PruneResult {
  readonly runs: number
  readonly events: number
}

/** Text in pieces of any length: an export that is read back from a file or a response. */
export type TextChunks = string | Iterable<string> | AsyncIterable<string>

/**
 * Where timelines are kept. A store that throws or rejects costs the recorder events, and never a run.
 */
export interface TimelineStore {
  /**
   * Stores batches of different runs, all of them or none. The same batch again changes nothing.
   *
   * @throws {SystemError} `VALIDATION` or `CAPACITY` when these batches will never be stored, as when two of them are of
   *   one run; anything else is tried again.
   */
  append(batches: readonly TimelineBatch[]): Promise<void>
  /** @throws {SystemError} `VERSION_MISMATCH` when a newer Busline stored the run. */
  getRunMeta(runId: string): Promise<RunTimelineMeta | undefined>
  /** @throws {SystemError} `VALIDATION` for a field of the wrong type or out of its bounds, or a `cursor` that is that of no page. */
  listRuns(filter?: RunFilter): Promise<RunPage>
  /** The events from `from` to `to`, both included, in order; empty when there are none, or no such run. */
  getEvents(runId: string, from?: number, to?: number): Promise<readonly TimelineEvent[]>
  /** The last snapshot at `seq` or before it. */
  getNearestSnapshot(runId: string, seq: number): Promise<TimelineSnapshot | undefined>
  /** Deletes a run and says whether there was one. */
  deleteRun(runId: string): Promise<boolean>
  /** @throws {SystemError} `VALIDATION` for a bound that is none; nothing is deleted then. */
  prune(options: PruneOptions): Promise<PruneResult>
  /**
   * A run as NDJSON, a line at a time: a header, then an event per line. Nothing is lost, dates and typed arrays included.
   *
   * @throws {SystemError} `NOT_FOUND` when there is no such run.
   */
  exportRun(runId: string): AsyncIterable<string>
  /**
   * Takes what {@link exportRun} gave, whole or not at all.
   *
   * @throws {SystemError} `VALIDATION` when it is cut short or is not an export, `VERSION_MISMATCH` when a newer Busline
   *   wrote it, `DUPLICATE_KEY` when the run is here already.
   */
  importRun(source: TextChunks): Promise<RunTimelineMeta>
}

export function unknownRun(runId: string): SystemError {
  return new SystemError('NOT_FOUND', `There is no timeline of run "${runId}"`, { context: { runId } })
}

/** What goes on with a run must not leave out what comes before, also where that was deleted. */
export function missingEvent(runId: string, missing: number, given: number): SystemError {
  return new SystemError(
    'VALIDATION',
    `Cannot append event ${given} of run "${runId}": event ${missing} is missing`,
    { context: { runId, seq: given } },
  )
}

/** What the second of two batches adds depends on the first, so neither is stored before the other is. */
export function assertDifferentRuns(batches: readonly TimelineBatch[]): void {
  const runIds = new Set<string>()
  for (const { meta } of batches) {
    const { runId } = meta
    if (runIds.has(runId)) {
      throw new SystemError(
        'VALIDATION',
        `Cannot append two batches of run "${runId}" at once: append them one after the other`,
        { context: { runId } },
      )
    }
    runIds.add(runId)
  }
}

/** The largest of ascending numbers that is at most `bound`. */
export function lastAtMost(ascending: readonly number[], bound: number): number | undefined {
  let low = 0
  let high = ascending.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (ascending[middle]! <= bound) low = middle + 1
    else high = middle
  }
  return ascending[low - 1]
}
