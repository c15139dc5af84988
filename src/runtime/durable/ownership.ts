import type { Clock, TimerHandle } from '../../core/clock.js'
import type { StorageDriver } from '../../storage/storage-driver.js'
import { recordKeys } from './record-keys.js'

interface OwnerRecord {
  /** Until when the owner counts as alive, epoch milliseconds. */
  readonly until: number
}

/**
 * Says that this process is alive, for all its runs at once: one record, renewed three times per `claimTtl`. Who is
 * not renewed for that long may be taken over. It is only about when: that a stale owner cannot commit is a matter of
 * the epoch in each claim.
 */
export class Ownership {
  readonly id: string
  readonly #driver: StorageDriver
  readonly #clock: Clock
  readonly #ttlMs: number
  readonly #onFault: (error: unknown) => void
  #timer: TimerHandle
  #opening: Promise<void> | undefined
  #isClosed = false

  constructor(
    id: string,
    driver: StorageDriver,
    clock: Clock,
    ttlMs: number,
    onFault: (error: unknown) => void,
  ) {
    this.id = id
    this.#driver = driver
    this.#clock = clock
    this.#ttlMs = ttlMs
    this.#onFault = onFault
  }

  get ttlMs(): number {
    return this.#ttlMs
  }

  /** Resolves when the store knows that this owner lives. */
  open(): Promise<void> {
    this.#opening ??= this.#renew().catch((error: unknown) => {
      this.#opening = undefined
      throw error
    })
    return this.#opening
  }

  async isAlive(owner: string): Promise<boolean> {
    if (owner === this.id) return true
    const record = (await this.#driver.get(recordKeys.owner(owner))) as OwnerRecord | undefined
    return record !== undefined && record.until > this.#clock.now()
  }

  /** Deletes what is left of processes that are gone. One that comes back says again that it is alive. */
  async forgetDead(): Promise<void> {
    const now = this.#clock.now()
    const records = await this.#driver.scan({ prefix: recordKeys.owners, onDamaged: () => {} })
    const dead = records.filter(({ value }) => (value as OwnerRecord).until + this.#ttlMs < now)
    await Promise.all(
      dead.map(({ key, value }) =>
        this.#driver
          .commit([
            { type: 'expect', key, field: 'until', equals: (value as OwnerRecord).until },
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
    this.#clock.clearTimeout(this.#timer)
    if (!this.#opening) return
    try {
      await this.#driver.commit([{ type: 'delete', key: recordKeys.owner(this.id) }])
    } catch (error) {
      this.#onFault(error)
    }
  }

  async #renew(): Promise<void> {
    const until = this.#clock.now() + this.#ttlMs
    const value: OwnerRecord = { until }
    try {
      await this.#driver.commit([{ type: 'put', key: recordKeys.owner(this.id), value }])
    } finally {
      if (!this.#isClosed) this.#schedule()
    }
  }

  #schedule(): void {
    this.#clock.clearTimeout(this.#timer)
    this.#timer = this.#clock.setTimeout(() => void this.#renew().catch(this.#onFault), this.#ttlMs / 3)
  }
}
