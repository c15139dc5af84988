import type { BusEvent } from '../../core/bus-event.js'
import { type SerializedError, SystemError, isSystemError, reviveError } from '../../core/system-error.js'
import type { StateObject } from '../../state/change.js'
import type { TimelinePosition } from '../../timeline/timeline-store.js'
import type { InboxRecord } from '../waiting/inbox.js'
import type { RunResult } from '../run-result.js'
import type { RunCheckpoint } from '../workflow-definition.js'

/** The layout of the records below; one that is not known is refused, never guessed at. */
export const RUN_LAYOUT = 1

/** A run that has not ended. */
export interface RunRecord {
  readonly layout: number
  /** Counts the commits of the run, so that one whose outcome is not known can be told by reading back. */
  readonly revision: number
  /** When it was committed, epoch milliseconds. */
  readonly savedAt: number
  readonly checkpoint: RunCheckpoint
  readonly inboxes: readonly InboxRecord[]
  /** How far its timeline has come, where that is stored beside it. */
  readonly timeline?: TimelinePosition
}

/** What is left of a run that has ended. */
export interface EndedRecord {
  readonly layout: number
  readonly revision: number
  /** Of the owner under whom it ended. */
  readonly epoch: number
  readonly runId: string
  readonly workflowId: string
  readonly triggerId: string
  readonly pipelineId: string
  readonly eventId: string
  readonly key?: string
  readonly status: 'succeeded' | 'failed' | 'aborted'
  readonly state: StateObject
  readonly startedAt: number
  readonly endedAt: number
  readonly error?: SerializedError
}

/**
 * Who may commit for a run that has not ended. Each owner has an epoch of its own, and a commit holds only under the
 * present one. It also tells who may go on with the run, so that it can be taken over before anything else of it is read.
 */
export interface ClaimRecord {
  readonly layout: number
  readonly epoch: number
  readonly owner: string
  /** The version of the workflow under which the run is stored; absent where it has none. */
  readonly version?: string
}

export function claimRecord(epoch: number, owner: string, version: string | undefined): ClaimRecord {
  return version === undefined
    ? { layout: RUN_LAYOUT, epoch, owner }
    : { layout: RUN_LAYOUT, epoch, owner, version }
}

/** An event that was accepted and waits for its turn. */
export interface TicketRecord {
  readonly layout: number
  /** The process in which it waits; only that one may start it. */
  readonly owner: string
  readonly runId: string
  readonly triggerId: string
  readonly event: BusEvent
  readonly key?: string
  readonly priority: number
  /** How often its run was prepared, `onPrepare` being called before anything of the run is stored. */
  readonly preparations?: number
}

/** About the end of a run something is still to be done. */
export interface UnsettledRecord {
  /** As that of a claim, which it stands in for. */
  readonly epoch: number
  /** The process that is about to do it. */
  readonly owner: string
  /** How often another process was cut off while it did. */
  readonly interruptions?: number
}

/** An event that was accepted, and the run that it was to become. */
export interface AcceptedRecord {
  readonly runId: string
  /** Epoch milliseconds. */
  readonly at: number
}

/** An event that was accepted, when nothing but that is left of it. */
export interface RememberedRecord {
  readonly runId: string
  /** The key of its {@link AcceptedRecord}. */
  readonly accepted: string
}

/** A run that has ended, as whoever removes old ones looks for it. */
export interface HistoryRecord {
  readonly runId: string
  readonly workflowId: string
  readonly triggerId: string
  readonly eventId: string
  /** Of its final state and its timeline, estimated. */
  readonly bytes: number
}

/** @throws {SystemError} `VERSION_MISMATCH` when a newer Busline wrote the record. */
export function assertKnownLayout(record: { readonly layout: number }, key: string): void {
  if (record.layout <= RUN_LAYOUT) return
  throw new SystemError(
    'VERSION_MISMATCH',
    `Cannot read "${key}": a newer Busline stored it (layout ${record.layout}, known: ${RUN_LAYOUT}); update this one`,
    { context: { key, layout: record.layout } },
  )
}

/** What the hooks of a run hear that ended in another process. */
export function toRunResult({ status, state, error, startedAt, endedAt, ...ids }: EndedRecord): RunResult {
  const { runId, workflowId, triggerId, pipelineId } = ids
  const metadata = { runId, workflowId, triggerId, pipelineId, durationMs: endedAt - startedAt }
  if (status === 'succeeded') return { ok: true, value: { status, state }, metadata }
  const revived = reviveError(error!)
  const fault = isSystemError(revived) ? revived : new SystemError('EXECUTION_FAILED', revived.message)
  return { ok: false, error: fault, metadata: { ...metadata, status } }
}
