import { LONGEST_TIMEOUT_MS } from '../../core/clock.js'
import type { Issue } from '../../core/system-error.js'
import { isLoopback } from '../protocol/is-loopback.js'
import type { ServerSettings } from './server-options.js'

/** What is wrong with the options of a server: what is given as something else than it is would be kept silently otherwise. */
export function* findOptionIssues(settings: ServerSettings): Iterable<Issue> {
  const { port, path, resumeWindowMs, cancelGraceMs, heartbeatIntervalMs, heartbeatTimeoutMs, duplicateIds } =
    settings
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    yield { path: 'port', message: `must be a whole number from 0 to 65535: it is ${port}` }
  }
  for (const name of LENGTHS) {
    const value: unknown = settings[name]
    if (typeof value === 'number' && value > 0 && value <= LONGEST_TIMEOUT_MS) continue
    yield {
      path: name,
      message: `must be a number above 0, at most ${LONGEST_TIMEOUT_MS}: it is ${String(value)}`,
    }
  }
  for (const name of BOUNDS) {
    const value: unknown = settings[name]
    if (typeof value === 'number' && value >= 1) continue
    yield { path: name, message: `must be a number from 1: it is ${String(value)}` }
  }
  for (const [path, ms] of Object.entries({ resumeWindow: resumeWindowMs, cancelGrace: cancelGraceMs })) {
    if (!(ms >= 0)) yield { path, message: "must be milliseconds or a string such as '5s'" }
  }
  if (heartbeatIntervalMs >= heartbeatTimeoutMs) {
    const message = `must be below "heartbeatTimeoutMs", ${heartbeatTimeoutMs}: it is ${heartbeatIntervalMs}`
    yield { path: 'heartbeatIntervalMs', message }
  }
  if (typeof path !== 'string' || !path.startsWith('/')) {
    yield { path: 'path', message: `must begin with "/": it is ${JSON.stringify(path)}` }
  }
  if (duplicateIds !== 'replace' && duplicateIds !== 'refuse') {
    yield {
      path: 'duplicateIds',
      message: `must be "replace" or "refuse": it is ${JSON.stringify(duplicateIds)}`,
    }
  }
  yield* findAccessIssues(settings)
}

/** Who is let in. Nothing of a token is told. */
function* findAccessIssues(settings: ServerSettings): Iterable<Issue> {
  const { host, tokens, allowedOrigins, allowUnauthenticated } = settings
  // Of a string, `includes` would find any part.
  if (allowedOrigins !== '*' && !isListOfTexts(allowedOrigins)) {
    yield { path: 'allowedOrigins', message: 'must be a list of origins, or "*"' }
  }
  if (!Array.isArray(tokens)) {
    yield { path: 'tokens', message: "must be a list such as [{ token, workerIds: ['gpu-1'] }]" }
  } else {
    for (const [index, given] of (tokens as readonly unknown[]).entries()) {
      const { token, workerIds } = (given ?? {}) as { readonly token?: unknown; readonly workerIds?: unknown }
      if (typeof token !== 'string' || token === '') {
        yield { path: `tokens.${index}.token`, message: 'must be a string that is not empty' }
      }
      if (workerIds !== undefined && !isListOfTexts(workerIds)) {
        yield { path: `tokens.${index}.workerIds`, message: 'must be a list of ids' }
      }
    }
  }
  if (typeof host !== 'string') {
    yield { path: 'host', message: 'must be a string, an address to listen on' }
  } else if (tokens.length === 0 && !allowUnauthenticated && !isLoopback(host)) {
    const message = `needs an "authToken" to listen on ${host}; "allowUnauthenticated" lets everybody in`
    yield { path: 'host', message }
  }
}

function isListOfTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((each) => typeof each === 'string')
}

/** Milliseconds. */
const LENGTHS = [
  'heartbeatTimeoutMs',
  'healthCheckIntervalMs',
  'heartbeatIntervalMs',
  'registrationTimeoutMs',
] as const

const BOUNDS = [
  'maxMessageBytes',
  'maxResultBytes',
  'maxBufferedBytes',
  'maxMessagesPerSecond',
  'maxRegistrationsPerMinute',
  'maxUnregistered',
  'maxWorkers',
] as const
