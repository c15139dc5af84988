import type { Clock, TimerHandle } from '../../core/clock.js'
import type { SystemError } from '../../core/system-error.js'
import type { Patience } from './patience.js'
import type { PruneReport } from './retention-options.js'

const INTERVAL_MS = 60_000

/** A pass may take so much of the time, however large the store has become. */
const TIME_SHARE = 0.02

export interface HousekeepingOptions {
  readonly clock: Clock
  readonly patience: Patience
  /** One pass; it stops early when `isOver` says so. */
  readonly prune: (isOver: () => boolean) => Promise<PruneReport>
  readonly onFault: (error: unknown) => void
}

/** Removes what is old, once a minute; less often where that would take more than a fiftieth of the time. */
export class Housekeeping {
  readonly #options: HousekeepingOptions
  #timer: TimerHandle
  #pass: Promise<void> | undefined
  #isOver = false

  constructor(options: HousekeepingOptions) {
    this.#options = options
    this.#schedule(INTERVAL_MS)
  }

  /** Resolves when nothing is under way any more, or the store has had the time it is given. */
  async close(reason: SystemError): Promise<void> {
    const { clock, patience } = this.#options
    this.#isOver = true
    clock.clearTimeout(this.#timer)
    patience.end(reason)
    await this.#pass
    patience.close()
  }

  #schedule(ms: number): void {
    if (this.#isOver) return
    this.#timer = this.#options.clock.setTimeout(() => {
      this.#pass = this.#run()
    }, ms)
  }

  async #run(): Promise<void> {
    const { clock, patience, prune, onFault } = this.#options
    const startedAt = clock.now()
    try {
      await patience.bound(prune(() => this.#isOver))
    } catch (error) {
      if (!this.#isOver) onFault(error)
    }
    this.#schedule(Math.max(INTERVAL_MS, (clock.now() - startedAt) / TIME_SHARE))
  }
}
