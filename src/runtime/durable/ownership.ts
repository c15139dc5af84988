import type { Clock, TimerHandle } from '../../core/clock.js'
import type { StorageDriver } from '../../storage/storage-driver.js'
import { recordKeys } from './record-keys.js'
import type { OwnerLocks } from './tab-lock.js'

interface OwnerRecord {
  /** Until when the owner counts as alive, epoch milliseconds. */
  readonly until: number
}

export interface OwnershipOptions {
  readonly id: string
  readonly driver: StorageDriver
  readonly clock: Clock
  readonly ttlMs: number
  /** How owners see at once that another is gone. @default by its silence alone */
  readonly locks: OwnerLocks | undefined
  /** Another owner has gone, or been silent for too long: its runs may be taken over. */
  readonly onGone: () => void
  readonly onFault: (error: unknown) => void
}

/**
 * Says that this process is alive, for all its runs at once: one record, renewed three times per `claimTtl`. Who is
 * not renewed for that long may be taken over. It is only about when: that a stale owner cannot commit is a matter of
 * the epoch in each claim.
 */
export class Ownership {
  readonly id: string
  readonly #options: OwnershipOptions
  /** Owners whose lock was passed on: they do not come back. */
  readonly #gone = new Set<string>()
  /** Owners that have fallen silent, and since when. */
  #silent: ReadonlyMap<string, number> = new Map()
  #timer: TimerHandle
  #opening: Promise<void> | undefined
  #renewing: Promise<void> = Promise.resolve()
  #isClosed = false

  constructor(options: OwnershipOptions) {
    this.id = options.id
    this.#options = options
  }

  get ttlMs(): number {
    return this.#options.ttlMs
  }

  /** Resolves when the store knows that this owner lives. */
  open(): Promise<void> {
    this.#opening ??= this.#open().catch((error: unknown) => {
      this.#opening = undefined
      throw error
    })
    return this.#opening
  }

  async isAlive(owner: string): Promise<boolean> {
    if (owner === this.id) return true
    if (this.#gone.has(owner)) return false
    const record = (await this.#options.driver.get(recordKeys.owner(owner))) as OwnerRecord | undefined
    const isAlive = record !== undefined && record.until > this.#options.clock.now()
    if (isAlive) this.#watch(owner)
    return isAlive
  }

  /** Deletes what is left of processes that are gone. One that comes back says again that it is alive. */
  async forgetDead(): Promise<void> {
    const { clock, driver, ttlMs } = this.#options
    const now = clock.now()
    const records = await this.#owners()
    const dead = records.filter(({ until }) => until + ttlMs < now)
    await Promise.all(
      dead.map(({ key, until }) =>
        driver
          .commit([
            { type: 'expect', key, field: 'until', equals: until },
            { type: 'delete', key },
          ])
          // Somebody else has, or will.
          .catch(() => {}),
      ),
    )
  }

  /** Lets others take over at once. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    const { clock, driver, locks, onFault } = this.#options
    clock.clearTimeout(this.#timer)
    if (!this.#opening) return
    // What is under way would say once more that this owner lives.
    await this.#opening.catch(() => {})
    await this.#renewing
    try {
      await driver.commit([{ type: 'delete', key: recordKeys.owner(this.id) }])
    } catch (error) {
      onFault(error)
    }
    locks?.close()
  }

  /** The lock comes first: who sees the record without the lock takes this owner for gone. */
  async #open(): Promise<void> {
    const { locks, onFault } = this.#options
    await locks?.hold(this.id).catch(onFault)
    await this.#renew()
    if (locks) await this.#lookAround()
  }

  #renew(): Promise<void> {
    if (this.#isClosed) return Promise.resolve()
    const renewed = this.#say()
    this.#renewing = renewed.catch(() => {})
    return renewed
  }

  async #say(): Promise<void> {
    const { clock, driver, ttlMs } = this.#options
    const value: OwnerRecord = { until: clock.now() + ttlMs }
    try {
      await driver.commit([{ type: 'put', key: recordKeys.owner(this.id), value }])
    } finally {
      if (!this.#isClosed) this.#schedule()
    }
  }

  #schedule(): void {
    const { clock, ttlMs, onFault } = this.#options
    clock.clearTimeout(this.#timer)
    this.#timer = clock.setTimeout(() => {
      this.#renew()
        .then(() => this.#lookAround())
        .catch(onFault)
    }, ttlMs / 3)
  }

  /** Who else is there: whose runs are to be taken over now, and whom to keep an eye on. */
  async #lookAround(): Promise<void> {
    const now = this.#options.clock.now()
    const others = (await this.#owners()).filter(({ owner }) => owner !== this.id)
    if (this.#isClosed) return
    const silent = new Map<string, number>()
    for (const { owner, until } of others) {
      if (until <= now) silent.set(owner, until)
      else this.#watch(owner)
    }
    const isNew = [...silent].some(([owner, until]) => this.#silent.get(owner) !== until)
    this.#silent = silent
    if (isNew) this.#options.onGone()
  }

  #watch(owner: string): void {
    this.#options.locks?.whenGone(owner, () => {
      this.#gone.add(owner)
      if (!this.#isClosed) this.#options.onGone()
    })
  }

  async #owners() {
    const records = await this.#options.driver.scan({ prefix: recordKeys.owners, onDamaged: () => {} })
    return records.map(({ key, value }) => ({
      key,
      owner: key.slice(recordKeys.owners.length),
      until: (value as OwnerRecord).until,
    }))
  }
}
