import type { SerializedError } from '../core/system-error.js'
import type { StateObject } from '../state/change.js'
import type { ChildAddress } from './address.js'
import type { OnRestore } from './instruction.js'
import type { ResumeCause } from './resume-cause.js'
import type { WatchDescriptor } from './watch-descriptor.js'

export type PipelineStatus = 'running' | 'paused' | 'succeeded' | 'failed' | 'aborted'

/** Why, and for what, a pipeline is paused. */
export interface Wait {
  /** `pause` was asked for by a router; `exhausted` parked a failing stage for a person. */
  readonly kind: 'pause' | 'exhausted'
  /** The stage whose router paused, or that failed. */
  readonly stageId: string
  readonly until?: WatchDescriptor
  /** When the timeout began to count, epoch milliseconds. */
  readonly since: number
  /** Length of the wait in milliseconds; absent when it has no end. */
  readonly timeoutMs?: number
  readonly onRestore?: OnRestore
  readonly into?: string
  /** Why a stage was parked. */
  readonly error?: SerializedError
}

/** A committed step that can be undone, or a child that holds such steps. */
export type LedgerEntry =
  | { readonly stageId: string; readonly visit: number; readonly stepId: string }
  | { readonly stageId: string; readonly visit: number; readonly child: LedgerChild }

/** Which child of its stage it was, which of the stage's pipelines it ran, and what of it can be undone, newest last. */
export interface LedgerChild {
  readonly index: number
  readonly pipeline: number
  readonly state: StateObject
  readonly ledger: readonly LedgerEntry[]
}

/** A pipeline that is ending badly: what will have been its end once everything is undone. */
export interface Ending {
  readonly status: 'failed' | 'aborted'
  readonly error: SerializedError
  readonly compensationErrors: readonly SerializedError[]
}

/**
 * The plain description from which a pipeline continues, after any boundary, in this process or another: state,
 * next address, and what it waits for. Children that are under way are nested.
 */
export interface PipelineCheckpoint {
  readonly pipelineId: string
  readonly status: PipelineStatus
  readonly state: StateObject
  readonly startedAt: number
  /** It has not begun: nothing of it has been recorded. */
  readonly isNew?: true
  /** The stage to enter next; absent when there is none left. */
  readonly next?: string
  /** How the next stage is entered, after `jumpTo`. */
  readonly entry?: { readonly step?: string; readonly pipeline?: ChildAddress }
  /** Visits per stage. */
  readonly visits: Readonly<Record<string, number>>
  /** Executions of the next stage that were cut off before they could commit. */
  readonly interruptions: number
  readonly resume?: ResumeCause
  readonly wait?: Wait
  readonly inside?: ForkCheckpoint
  readonly ledger: readonly LedgerEntry[]
  readonly ending?: Ending
  readonly error?: SerializedError
}

/** A stage whose children are under way. */
export interface ForkCheckpoint {
  readonly stageId: string
  readonly visit: number
  readonly startedAt: number
  readonly children: readonly { readonly pipeline: number; readonly checkpoint: PipelineCheckpoint }[]
}

/** The checkpoint of a pipeline that has not begun. */
export function initialCheckpoint(
  pipelineId: string,
  state: StateObject,
  startedAt: number,
  next: string | undefined,
  entry: PipelineCheckpoint['entry'],
): PipelineCheckpoint {
  return {
    pipelineId,
    status: 'running',
    state,
    startedAt,
    isNew: true,
    ...(next === undefined ? {} : { next }),
    ...(entry ? { entry } : {}),
    visits: {},
    interruptions: 0,
    ledger: [],
  }
}
