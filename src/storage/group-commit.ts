import { isThenable } from '../core/is-thenable.js'
import { SystemError } from '../core/system-error.js'

/** Per item: `undefined`, or why it was refused. */
export type GroupOutcomes = readonly (SystemError | undefined)[]

export interface GroupCommitOptions<Item> {
  /**
   * Writes a group in one transaction and returns, or settles, once that is durable. Throwing or rejecting refuses all
   * items.
   */
  readonly flush: (items: readonly Item[]) => GroupOutcomes | Promise<GroupOutcomes>
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
  /** Whether a group is being written, or about to be. */
  #isRunning = false
  #idle: (() => void)[] = []

  constructor(options: GroupCommitOptions<Item>) {
    this.#options = options
  }

  add(item: Item): Promise<void> {
    const { maxPending } = this.#options
    if (this.#waiting.length >= maxPending) {
      return Promise.reject(
        new SystemError('CAPACITY', `Cannot take more than ${maxPending} pending commits: await some first`, {
          context: { maxPendingCommits: maxPending },
        }),
      )
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject })
      if (!this.#isRunning) this.#begin()
    })
  }

  /** Resolves when nothing waits and nothing is being written. */
  async settle(): Promise<void> {
    if (this.#isRunning) await new Promise<void>((resolve) => this.#idle.push(resolve))
  }

  /** The next group starts a turn later, so that whoever was just acknowledged may still join it. */
  #begin(): void {
    this.#isRunning = true
    this.#options.schedule(() => this.#run())
  }

  #run(): void {
    const group = this.#waiting.splice(0, this.#options.maxGroup)
    try {
      const outcomes = this.#options.flush(group.map(({ item }) => item))
      if (!isThenable(outcomes)) return this.#acknowledge(group, outcomes)
      void outcomes.then(
        (settled) => this.#acknowledge(group, settled),
        (error: unknown) => this.#refuse(group, error),
      )
    } catch (error) {
      this.#refuse(group, error)
    }
  }

  #acknowledge(group: readonly Pending<Item>[], outcomes: GroupOutcomes): void {
    group.forEach(({ resolve, reject }, index) => {
      const error = outcomes[index]
      if (error) reject(error)
      else resolve()
    })
    this.#goOn()
  }

  #refuse(group: readonly Pending<Item>[], error: unknown): void {
    for (const { reject } of group) reject(error)
    this.#goOn()
  }

  #goOn(): void {
    if (this.#waiting.length > 0) return this.#begin()
    this.#isRunning = false
    for (const resolve of this.#idle.splice(0)) resolve()
  }
}
