import type { RunStatus } from '../../runtime/run-result.js'
import { STATUS_STYLES } from '../store/run-status.js'
import { formatInstant, formatMs } from '../terminal/durations.js'
import type { Column } from '../terminal/list.js'

/** A run as a line of a list. */
export interface ListedRun {
  readonly runId: string
  readonly workflowId: string
  readonly status: RunStatus
  /** Epoch milliseconds. */
  readonly startedAt: number
  readonly endedAt?: number
  readonly startedBy: string
  readonly eventCount?: number
}

export const RUN_COLUMNS: readonly Column<ListedRun>[] = [
  { title: 'run', text: ({ runId }) => runId },
  { title: 'workflow', text: ({ workflowId }) => workflowId, isElastic: true },
  { title: 'status', text: ({ status }) => status, style: ({ status }) => STATUS_STYLES[status] },
  {
    title: 'took',
    text: ({ startedAt, endedAt }) => (endedAt === undefined ? '' : formatMs(endedAt - startedAt)),
    align: 'right',
    dispensable: 1,
  },
  { title: 'started', text: ({ startedAt }) => formatInstant(startedAt), dispensable: 3 },
  { title: 'started by', text: ({ startedBy }) => startedBy, dispensable: 2 },
  {
    title: 'recorded',
    text: ({ eventCount }) => (eventCount === undefined ? '' : String(eventCount)),
    align: 'right',
    dispensable: 4,
  },
]
