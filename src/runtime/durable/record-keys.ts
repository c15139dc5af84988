/**
 * Where things stand in the store. Ids of workflows, triggers and runs have no "/"; ids of events may, and stand last,
 * escaped where they could hold what no key may.
 */
export const recordKeys = {
  /** Runs that have not ended. */
  allRuns: 'run/',
  run: (workflowId: string, runId: string) => `run/${workflowId}/${runId}`,
  endedRuns: (workflowId: string) => `ended/${workflowId}/`,
  ended: (workflowId: string, runId: string) => `ended/${workflowId}/${runId}`,
  /** Runs that have ended, and about whose end something is still to be done. */
  unsettledRuns: (workflowId: string) => `unsettled/${workflowId}/`,
  unsettled: (workflowId: string, runId: string) => `unsettled/${workflowId}/${runId}`,
  /** Runs that have ended, in the order of their ends. */
  history: 'history/',
  historyOf: (endedAt: number, workflowId: string, runId: string) =>
    `history/${instant(endedAt)}/${workflowId}/${runId}`,
  /** Who may commit for runs that have not ended: each of them has one. */
  claims: (workflowId: string) => `claim/${workflowId}/`,
  claim: (workflowId: string, runId: string) => `claim/${workflowId}/${runId}`,
  /** A run that was given away. */
  exported: (runId: string) => `exported/${runId}`,
  owners: 'owner/',
  owner: (ownerId: string) => `owner/${ownerId}`,
  tickets: (workflowId: string) => `ticket/${workflowId}/`,
  ticket: (workflowId: string, runId: string) => `ticket/${workflowId}/${runId}`,
  /** An event that a trigger has accepted: the same one again is a duplicate. */
  accepted: (workflowId: string, triggerId: string, eventId: string) =>
    `accepted/${workflowId}/${triggerId}/${encodeURIComponent(eventId)}`,
  /** Events that were accepted and of which nothing else is left, in the order in which they were. */
  remembered: 'remembered/',
  rememberedOf: (acceptedAt: number, runId: string) => `remembered/${instant(acceptedAt)}/${runId}`,
  /** When it was, for what stands in the order of time. */
  instantOf: (key: string) => Number(key.split('/')[1]),
  outboxes: (workflowId: string) => `outbox/${workflowId}/`,
  outboxOf: (workflowId: string, runId: string) => `outbox/${workflowId}/${runId}/`,
  /** In the order of publishing: commit after commit, and within one. */
  outbox: (workflowId: string, runId: string, revision: number, index: number) =>
    `outbox/${workflowId}/${runId}/${padded(revision)}-${padded(index)}`,
}

function padded(count: number): string {
  return String(count).padStart(10, '0')
}

function instant(at: number): string {
  return String(Math.max(0, Math.floor(at))).padStart(15, '0')
}
