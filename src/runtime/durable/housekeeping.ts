import type { Clock, TimerHandle } from '../../core/clock.js'
import type { PruneReport } from './retention-options.js'

const INTERVAL_MS = 60_000

/** A pass may take so much of the time, however large the store has become. */
const TIME_SHARE = 0.02

export interface HousekeepingOptions {
  readonly clock: Clock
  /** One pass. */
  readonly prune: () => Promise<PruneReport>
  readonly onFault: (error: unknown) => void
}

/** Removes what is old, once a minute; less often where that would take more than a fiftieth of the time. */
export class Housekeeping {
  readonly #options: HousekeepingOptions
  #timer: TimerHandle
  #isOver = false

  constructor(options: HousekeepingOptions) {
    this.#options = options
    this.#schedule(INTERVAL_MS)
  }

  /** No pass is begun any more. */
  close(): void {
    this.#isOver = true
    this.#options.clock.clearTimeout(this.#timer)
  }

  #schedule(ms: number): void {
    if (this.#isOver) return
    this.#timer = this.#options.clock.setTimeout(() => {
      void this.#run()
    }, ms)
  }

  async #run(): Promise<void> {
    const { clock, prune, onFault } = this.#options
    const startedAt = clock.now()
    try {
      await prune()
    } catch (error) {
      if (!this.#isOver) onFault(error)
    }
    this.#schedule(Math.max(INTERVAL_MS, (clock.now() - startedAt) / TIME_SHARE))
  }
}
