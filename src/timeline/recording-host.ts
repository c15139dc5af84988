import type { Patch } from 'immer'
import type { Clock } from '../core/clock.js'
import type { PendingRun } from './pending-runs.js'
import type { Redaction } from './redaction.js'
import type { RunRecording } from './run-recording.js'
import type { TimelineState } from './timeline-event.js'
import type { TimelineBatch, TimelinePosition } from './timeline-store.js'

/** What begins a recording. */
export interface RecordingOptions {
  readonly runId: string
  readonly workflowId: string
  readonly pipelineId: string
  /** Epoch milliseconds. @default the present instant */
  readonly startTime?: number
  /** Goes into {@link TimelinePosition.metadata}; plain data. */
  readonly metadata?: Readonly<Record<string, unknown>>
  /** What the store knows of a run that is gone on with, after a pause or a crash: `seq` counts on from it. */
  readonly continues?: TimelinePosition
  /** The state that the run has now, deeply frozen. @default not known before the first event that brings it */
  readonly state?: TimelineState
  /**
   * Who stores the events. `background`: the recorder, in batches. `taken`: whoever calls `take()`, to commit them
   * together with a checkpoint. @default 'background'
   */
  readonly storedBy?: 'background' | 'taken'
}

/** The state after an event, with the patches that led to it; without them the state was put in place whole. */
export interface RecordedState {
  readonly delta?: readonly Patch[]
  readonly state: TimelineState
}

/** What became of a batch: `failed` may be tried again, `refused` was not stored and never will be. */
export type BatchOutcome = 'stored' | 'failed' | 'refused'

/** Why events are missing: the store refused them, the buffer or the run was full, or the recorder was closed. */
export type LossReason = 'store' | 'buffer' | 'limit' | 'closed'

/** What a recording needs of its recorder. */
export interface RecordingHost {
  readonly clock: Clock
  readonly snapshotInterval: number
  readonly maxPayloadBytes: number
  readonly maxEventsPerRun: number
  readonly redaction: Redaction | undefined
  /** How many more events may be kept before the store takes some; below 1 none is. Recordings keep count. */
  room: number
  /** There is something to store since the last batch was taken; `isUrgent` when it should not wait for company. */
  changed(place: PendingRun, isUrgent: boolean): void
  lost(run: RunRecording, reason: LossReason, error?: unknown): void
  /** Takes events that are new, redacted and safe, each once. */
  readonly observed: ((batch: TimelineBatch) => void) | undefined
}
