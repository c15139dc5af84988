import type { TimerHandle } from '../../core/clock.js'
import { serializeError } from '../../core/system-error.js'
import type { WorkerPool } from '../pool/worker-pool.js'
import type { ServerSettings } from './server-options.js'
import type { SessionTable } from './session-table.js'

/** What the watch needs of the server. */
export interface WatchHost {
  readonly settings: ServerSettings
  readonly pool: WorkerPool
  readonly sessions: SessionTable
  /** Steady time. */
  now(): number
}

/** Looks at regular intervals who is silent: by heartbeats, and by pings that were not answered. */
export class HealthWatch {
  readonly #host: WatchHost
  #timer: TimerHandle

  constructor(host: WatchHost) {
    this.#host = host
  }

  start(): void {
    const { clock, healthCheckIntervalMs, logger } = this.#host.settings
    this.#timer = clock.setTimeout(() => {
      try {
        this.#look()
      } catch (error) {
        logger.error('The health check failed', { error: serializeError(error) })
      }
      this.start()
    }, healthCheckIntervalMs)
  }

  stop(): void {
    this.#host.settings.clock.clearTimeout(this.#timer)
  }

  #look(): void {
    const { settings, pool, sessions } = this.#host
    const { dead } = pool.check(this.#host.now())
    for (const workerId of dead) sessions.end(workerId, 'heartbeat', 'heartbeat')
    // A peer that answers no ping for two heartbeats is not there, whatever its last heartbeat said.
    sessions.pingAll(2 * settings.heartbeatIntervalMs)
  }
}
