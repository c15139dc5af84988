import type { HttpHandler } from '../server/http-front.js'
import type { WorkerServer } from '../server/worker-server.js'
import { answer, isGet } from './http-access.js'

export interface HealthHandlerOptions {
  /** @default '/health' */
  readonly path?: string
  /** How many workers must be able to take work for the answer to be 200. @default 0 */
  readonly minWorkers?: number
}

/**
 * Answers load balancers: 200 while the server takes requests and has enough workers, else 503. Says how many workers
 * there are, and nothing of them; so it asks for no token.
 */
export function healthHandler(
  server: WorkerServer,
  { path = '/health', minWorkers = 0 }: HealthHandlerOptions = {},
): HttpHandler {
  return (request, response) => {
    if (!isGet(request, path)) return false
    const { state, workersByStatus, uptimeMs } = server.health()
    const ready = workersByStatus.available + workersByStatus.busy
    const isHealthy = state === 'running' && ready >= minWorkers
    const body = { status: isHealthy ? 'ok' : 'unavailable', state, workers: workersByStatus, uptimeMs }
    answer(response, isHealthy ? 200 : 503, 'application/json', `${JSON.stringify(body)}\n`)
    return true
  }
}
