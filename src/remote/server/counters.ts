/** What a server has counted since it was made. Each only grows. */
export interface ServerCounters {
  /** Sockets that were let in at the upgrade. */
  connections: number
  /** Upgrades that were refused: path, origin, too many. */
  refusedUpgrades: number
  registrations: number
  refusedRegistrations: number
  /** Registrations refused for their token; also among `refusedRegistrations`. */
  failedAuthentications: number
  resumedSessions: number
  disconnects: number
  heartbeats: number
  messagesReceived: number
  messagesSent: number
  malformedMessages: number
  /** Messages of a type that nobody handles. */
  unhandledMessages: number
  /** Results and the like for requests that are not, or no longer, in hand of who sent them. */
  strayMessages: number
  /** Messages that were not sent because the worker does not read. */
  refusedSends: number
  /** How often a socket was not read for a while because it sent too much. */
  throttled: number
  requestsSent: number
  requestsCompleted: number
  requestsFailed: number
  requestsLost: number
  requestsCancelled: number
}

export function createCounters(): ServerCounters {
  return {
    connections: 0,
    refusedUpgrades: 0,
    registrations: 0,
    refusedRegistrations: 0,
    failedAuthentications: 0,
    resumedSessions: 0,
    disconnects: 0,
    heartbeats: 0,
    messagesReceived: 0,
    messagesSent: 0,
    malformedMessages: 0,
    unhandledMessages: 0,
    strayMessages: 0,
    refusedSends: 0,
    throttled: 0,
    requestsSent: 0,
    requestsCompleted: 0,
    requestsFailed: 0,
    requestsLost: 0,
    requestsCancelled: 0,
  }
}
