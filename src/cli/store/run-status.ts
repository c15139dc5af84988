import type { RunStatus } from '../../runtime/run-result.js'
import type { TimelineStatus } from '../../timeline/timeline-store.js'
import type { Style } from '../terminal/terminal.js'
import { BadUsage } from '../failure.js'

/** Timelines and runs have words of their own for where a run stands: people get one. */
const SHOWN: Readonly<Record<TimelineStatus, RunStatus>> = {
  recording: 'running',
  paused: 'paused',
  complete: 'succeeded',
  failed: 'failed',
  aborted: 'aborted',
}

export const STATUS_STYLES: Readonly<Record<RunStatus, Style>> = {
  queued: 'dim',
  running: 'cyan',
  paused: 'yellow',
  succeeded: 'green',
  failed: 'red',
  aborted: 'yellow',
}

export function toRunStatus(status: TimelineStatus): RunStatus {
  return SHOWN[status]
}

/** @throws {BadUsage} When a run cannot have that status. */
export function parseStatus(text: string): TimelineStatus {
  for (const [status, shown] of Object.entries(SHOWN)) {
    if (shown === text || status === text) return status as TimelineStatus
  }
  throw new BadUsage(`--status must be one of ${Object.values(SHOWN).join(', ')}: it is "${text}"`)
}
