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
  #isWatching = false
  readonly #grantTimers = new Set<TimerHandle>()

  constructor(host: WatchHost) {
    this.#host = host
  }

  start(): void {
    const { clock, healthCheckIntervalMs, logger } = this.#host.settings
    this.#isWatching = true
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
    const { clock } = this.#host.settings
    this.#isWatching = false
    clock.clearTimeout(this.#timer)
    for (const timer of this.#grantTimers) clock.clearTimeout(timer)
    this.#grantTimers.clear()
  }

  /** Looks then whose token no longer holds. One that a stop came before is seen with the silent ones after a start. */
  checkGrantsIn(ms: number): void {
    if (!this.#isWatching || ms === 0) return
    const timer = this.#host.settings.clock.setTimeout(() => {
      this.#grantTimers.delete(timer)
      this.#host.sessions.checkGrants()
    }, ms)
    this.#grantTimers.add(timer)
  }

  #look(): void {
    const { settings, pool, sessions } = this.#host
    sessions.checkGrants()
    const { dead } = pool.check(this.#host.now())
    for (const workerId of dead) sessions.end(workerId, 'heartbeat', 'heartbeat')
    // A peer that answers no ping for two heartbeats is not there, whatever its last heartbeat said.
    sessions.pingAll(2 * settings.heartbeatIntervalMs)
  }
}
