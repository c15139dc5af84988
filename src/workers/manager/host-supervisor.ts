import type { Clock, TimerHandle } from '../../core/clock.js'
import type { ManagerSettings } from './worker-manager-options.js'

/** What is to be done about a host that was lost. */
export type SupervisorVerdict =
  | { readonly action: 'leave' }
  /** `attempt` counts restarts in a row, from 1. */
  | { readonly action: 'restart'; readonly attempt: number; readonly delayMs: number }
  | { readonly action: 'giveUp'; readonly restarts: number }

/** Decides about restarts: how soon, and when there were too many. One for all hosts of a manager. */
export class HostSupervisor {
  readonly #clock: Clock
  readonly #options: ManagerSettings['restart']
  readonly #timers = new Set<TimerHandle>()
  #restarts: number[] = []
  #inARow = 0

  constructor(clock: Clock, options: ManagerSettings['restart']) {
    this.#clock = clock
    this.#options = options
  }

  /** @param uptimeMs How long the host lived. */
  judge(uptimeMs: number): SupervisorVerdict {
    const { policy, maxRestarts, withinMs, delayMs, factor, maxDelayMs, minUptimeMs } = this.#options
    if (policy === 'never') return { action: 'leave' }
    const now = this.#clock.now()
    this.#restarts = this.#restarts.filter((at) => now - at < withinMs)
    if (this.#restarts.length >= maxRestarts) return { action: 'giveUp', restarts: this.#restarts.length }
    this.#restarts.push(now)
    this.#inARow = uptimeMs >= minUptimeMs ? 1 : this.#inARow + 1
    return {
      action: 'restart',
      attempt: this.#inARow,
      delayMs: Math.min(maxDelayMs, delayMs * factor ** (this.#inARow - 1)),
    }
  }

  /** Calls back after the delay, unless it is closed before. */
  after(delayMs: number, restart: () => void): void {
    const timer = this.#clock.setTimeout(() => {
      this.#timers.delete(timer)
      restart()
    }, delayMs)
    this.#timers.add(timer)
  }

  close(): void {
    for (const timer of this.#timers) this.#clock.clearTimeout(timer)
    this.#timers.clear()
  }
}
