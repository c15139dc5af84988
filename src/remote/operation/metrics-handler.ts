import type { ServerCounters } from '../server/counters.js'
import type { HttpHandler } from '../server/http-front.js'
import type { ServerStatus, WorkStatus } from '../server/server-status.js'
import type { WorkerServer } from '../server/worker-server.js'
import { type HttpAccessOptions, answer, checkAccess, isGet } from './http-access.js'

/** Answers Prometheus at `/metrics`. */
export function metricsHandler(
  server: WorkerServer,
  { path = '/metrics', token }: HttpAccessOptions = {},
): HttpHandler {
  return (request, response) => {
    if (!isGet(request, path)) return false
    if (checkAccess(request, response, token)) {
      answer(response, 200, 'text/plain; version=0.0.4', toPrometheus(server.status()))
    }
    return true
  }
}

/** What each counter counts, in words for those who read it in a year. */
const COUNTERS: Readonly<Record<keyof ServerCounters, string>> = {
  connections: 'Sockets that were let in',
  refusedUpgrades: 'Upgrades that were refused for path, origin or number',
  registrations: 'Workers that registered',
  refusedRegistrations: 'Registrations that were refused',
  failedAuthentications: 'Registrations that were refused for their token',
  resumedSessions: 'Workers that came back after a cut',
  disconnects: 'Workers that left or were lost',
  heartbeats: 'Heartbeats',
  messagesReceived: 'Messages received',
  messagesSent: 'Messages sent',
  malformedMessages: 'Messages that could not be understood',
  unhandledMessages: 'Messages of a type that nobody handles',
  strayMessages: 'Messages about requests that are no longer in hand',
  refusedSends: 'Messages that were not sent because the worker does not read',
  throttled: 'How often a socket was not read because it sent too much',
  requestsSent: 'Requests given to workers',
  requestsCompleted: 'Requests that workers completed',
  requestsFailed: 'Requests that failed on a worker',
  requestsLost: 'Requests that were lost with their worker',
  requestsCancelled: 'Requests that were cancelled in hand of a worker',
}

const PREFIX = 'busline_remote'

/** The text format of Prometheus. Worker ids are no labels: they come and go, and each would be a series for ever. */
export function toPrometheus(status: ServerStatus): string {
  const lines: string[] = []
  const metric = (
    name: string,
    type: string,
    help: string,
    values: readonly (readonly [string, number])[],
  ) => {
    lines.push(`# HELP ${PREFIX}_${name} ${help}`, `# TYPE ${PREFIX}_${name} ${type}`)
    for (const [labels, value] of values) lines.push(`${PREFIX}_${name}${labels} ${value}`)
  }
  const byStatus = Object.entries(status.workersByStatus)
  metric('up', 'gauge', 'Whether the server takes requests', [['', status.state === 'running' ? 1 : 0]])
  metric(
    'workers',
    'gauge',
    'Workers by status',
    byStatus.map(([name, count]) => [`{status="${name}"}`, count]),
  )
  metric('sockets', 'gauge', 'Open sockets of workers', [['', status.connections]])
  metric('unregistered_sockets', 'gauge', 'Open sockets that have not registered', [
    ['', status.unregistered],
  ])
  metric('active_requests', 'gauge', 'Requests in hand of workers', [['', status.activeRequests]])
  const sum = (of: (work: WorkStatus) => number) => status.work.reduce((total, work) => total + of(work), 0)
  metric('queued_requests', 'gauge', 'Requests that wait for a worker', [['', sum(({ queued }) => queued)]])
  const redispatched = sum((work) => work.redispatched)
  metric('requests_redispatched_total', 'counter', 'Requests given out again', [['', redispatched]])
  for (const [name, help] of Object.entries(COUNTERS)) {
    metric(`${toSnakeCase(name)}_total`, 'counter', help, [
      ['', status.counters[name as keyof ServerCounters]],
    ])
  }
  lines.push(...durationLines(status.work))
  return `${lines.join('\n')}\n`
}

function durationLines(work: readonly WorkStatus[]): string[] {
  const [first] = work
  if (!first) return []
  const name = `${PREFIX}_request_duration_seconds`
  const lines = [`# HELP ${name} From execute() to its end, queueing included`, `# TYPE ${name} histogram`]
  let total = 0
  for (const [index, bound] of [...first.durations.boundsSeconds, '+Inf'].entries()) {
    total += work.reduce((count, { durations }) => count + durations.counts[index]!, 0)
    lines.push(`${name}_bucket{le="${bound}"} ${total}`)
  }
  const seconds = work.reduce((sum, { durations }) => sum + durations.sumSeconds, 0)
  return [...lines, `${name}_sum ${seconds}`, `${name}_count ${total}`]
}

function toSnakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}
