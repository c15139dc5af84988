import type { ModeOptions } from '../../runtime/modes/create-mode.js'
import type { DispatchOutcome } from '../../runtime/receipts.js'

export type RunEnd = 'succeeded' | 'failed' | 'aborted'

export const RUN_ENDS: readonly RunEnd[] = ['succeeded', 'failed', 'aborted']

/** What became of the events and the runs of one workflow. */
export interface WorkflowTally {
  readonly workflowId: string
  readonly mode: string
  /** What the mode does when it is busy, or how many runs it allows; empty where nobody knows. */
  readonly manner: string
  /** Times an event met a trigger. */
  matched: number
  readonly outcomes: Map<DispatchOutcome, number>
  readonly runs: Map<RunEnd, number>
  /** What runs failed with, and how many did. */
  readonly failures: Map<string, number>
  /** From the start of a run to its end, pauses included, milliseconds. */
  readonly durationsMs: number[]
}

/** Outcomes after which nothing more comes of an event: together they are all that matched. */
export const FINAL_OUTCOMES: readonly DispatchOutcome[] = [
  'started',
  'replaced',
  'signalled',
  'superseded',
  'rejected',
  'dropped',
  'duplicate',
  'invalid',
]

/** Outcomes that are followed by a final one. */
export const INTERIM_OUTCOMES: readonly DispatchOutcome[] = ['queued', 'delayed']

export function createTally(workflowId: string, mode = 'transient', manner = ''): WorkflowTally {
  return {
    workflowId,
    mode,
    manner,
    matched: 0,
    outcomes: new Map(),
    runs: new Map(),
    failures: new Map(),
    durationsMs: [],
  }
}

/** What a mode does when it is busy, or how many runs it allows. */
export function describeManner(mode: ModeOptions | undefined): string {
  switch (mode?.type) {
    case 'serialized':
      return 'in line'
    case 'singleton_loop':
      return mode.onBusy ?? 'drop'
    case 'exclusive':
      return mode.onBusy ?? 'reject'
    default:
      return `${mode?.concurrency ?? 10} at once`
  }
}

/** How many of the events that matched came to an end. */
export function endedEvents({ outcomes }: WorkflowTally): number {
  return FINAL_OUTCOMES.reduce((sum, outcome) => sum + (outcomes.get(outcome) ?? 0), 0)
}

/** The smallest duration that `share` of all are not longer than (nearest rank); `undefined` when there is none. */
export function percentile(durationsMs: readonly number[], share: number): number | undefined {
  const sorted = [...durationsMs].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]
}

/** Adds one to a count. */
export function count<Key>(counts: Map<Key, number>, key: Key): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}
