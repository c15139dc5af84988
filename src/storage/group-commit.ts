import { SystemError } from '../core/system-error.js'

export interface GroupCommitOptions<Item> {
  /**
   * Writes a group in one transaction and settles once that is durable: per item `undefined`, or why that item was
   * refused. Rejecting refuses all of them.
   */
  readonly flush: (items: readonly Item[]) => Promise<readonly (SystemError | undefined)[]>
  /** Calls `start` a little later, when those who commit in the same turn have done so. */
  readonly schedule: (start: () => void) => void
  /** Most items in one transaction. */
  readonly maxGroup: number
  /** Most items that wait; one more is refused with `CAPACITY`. */
  readonly maxPending: number
}

interface Pending<Item> {
  readonly item: Item
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/**
 * Lets commits that come while another is being written share the next transaction.
 *
 * Invariants: one group is written at a time, in the order of arrival; no item is acknowledged before the flush that
 * holds it has settled; what waits is bounded.
 */
export class GroupCommit<Item> {
  readonly #options: GroupCommitOptions<Item>
  #waiting: Pending<Item>[] = []
  #isRunning = false
  #idle: (() => void)[] = []

  constructor(options: GroupCommitOptions<Item>) {
    this.#options = options
  }

  add(item: Item): Promise<void> {
    const { maxPending, schedule } = this.#options
    if (this.#waiting.length >= maxPending) {
      return Promise.reject(
        new SystemError('CAPACITY', `Cannot take more than ${maxPending} pending commits: await some first`, {
          context: { maxPendingCommits: maxPending },
        }),
      )
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject })
      if (this.#isRunning) return
      this.#isRunning = true
      schedule(() => void this.#run())
    })
  }

  /** Resolves when nothing waits and nothing is being written. */
  async settle(): Promise<void> {
    if (this.#isRunning) await new Promise<void>((resolve) => this.#idle.push(resolve))
  }

  async #run(): Promise<void> {
    const group = this.#waiting.splice(0, this.#options.maxGroup)
    try {
      const outcomes = await this.#options.flush(group.map(({ item }) => item))
      group.forEach(({ resolve, reject }, index) => {
        const error = outcomes[index]
        if (error) reject(error)
        else resolve()
      })
    } catch (error) {
      for (const { reject } of group) reject(error)
    }
    // The next group starts a turn later: whoever was just acknowledged may still join it.
    this.#options.schedule(() => {
      if (this.#waiting.length > 0) return void this.#run()
      this.#isRunning = false
      for (const resolve of this.#idle.splice(0)) resolve()
    })
  }
}
