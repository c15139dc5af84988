import { SystemError } from '../../core/system-error.js'
import { assertJson } from '../protocol/assert-json.js'
import { MAX_REGISTRATION_BYTES, parseMessage } from '../protocol/messages.js'
import type { BackoffOptions } from './backoff.js'
import { bytesOf, registration } from './registration.js'
import type { WorkerSettings } from './worker-options.js'

/**
 * Settings with which a worker would be refused again and again, or would try to connect without a rest.
 *
 * @throws {SystemError} `VALIDATION` naming the first that is wrong.
 */
export function checkWorkerSettings(settings: WorkerSettings): void {
  checkUrl(settings.url)
  checkBackoff(settings.reconnect)
  for (const [name, code] of Object.entries(settings.tasks)) {
    if (typeof code !== 'function') throw invalid(`tasks.${name}`, 'must be a function')
  }
  const { workerId, workerName, capabilities } = settings
  assertJson(capabilities.metadata ?? {}, 'capabilities.metadata', 'Cannot make a remote worker')
  const message = { type: 'worker_registration', workerId, workerName, capabilities }
  const parsed = parseMessage('worker_registration', message)
  if (!parsed.ok) {
    const { message: sentence, path = '' } = parsed.fault
    throw new SystemError('VALIDATION', `Cannot make a remote worker: ${sentence}`, { context: { path } })
  }
  const bytes = bytesOf(registration(settings))
  if (bytes > MAX_REGISTRATION_BYTES) {
    throw invalid('capabilities', `must take at most ${MAX_REGISTRATION_BYTES} bytes as JSON, not ${bytes}`)
  }
}

function checkUrl(url: string): void {
  if (!/^wss?:\/\//.test(url)) throw invalid('url', `must begin with ws:// or wss://: it is "${url}"`)
  let hash: string
  try {
    hash = new URL(url).hash
  } catch {
    throw invalid('url', `must be a URL: it is "${url}"`)
  }
  if (hash !== '') throw invalid('url', `must have nothing after a "#": it is "${url}"`)
}

function checkBackoff({ minDelayMs = 0, maxDelayMs = 0 }: BackoffOptions): void {
  for (const [name, value] of Object.entries({ minDelayMs, maxDelayMs })) {
    if (typeof value === 'number' && value >= 0) continue
    throw invalid(`reconnect.${name}`, `must be a number from 0: it is ${String(value)}`)
  }
}

function invalid(path: string, what: string): SystemError {
  return new SystemError('VALIDATION', `Cannot make a remote worker: "${path}" ${what}`, {
    context: { path },
  })
}
