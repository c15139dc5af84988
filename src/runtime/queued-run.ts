import type { Ticket } from './modes/mode.js'
import type { RunInfo } from './run-result.js'

/** The run that an event may become when its turn comes, as lists of runs show it. @param at Since when it waits, epoch milliseconds. */
export function queuedRun(ticket: Ticket, workflowId: string, pipelineId: string, at: number): RunInfo {
  const { runId, triggerId, event, key } = ticket
  return {
    runId,
    workflowId,
    triggerId,
    pipelineId,
    status: 'queued',
    state: {},
    startedAt: at,
    eventId: event.id,
    ...(key === undefined ? {} : { key }),
  }
}
