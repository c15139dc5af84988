/** A bucket that fills with time and gives one token per action. */
export class TokenBucket {
  readonly #perSecond: number
  readonly #burst: number
  #tokens: number
  #filledAt: number

  /** @param burst How many at once after a rest. */
  constructor(perSecond: number, burst: number, now: number) {
    this.#perSecond = perSecond
    this.#burst = burst
    this.#tokens = burst
    this.#filledAt = now
  }

  /** @returns 0 when the action may be done, else in how many milliseconds it may. */
  take(now: number): number {
    if (this.#perSecond === Infinity) return 0
    this.#fill(now)
    if (this.#tokens >= 1) {
      this.#tokens--
      return 0
    }
    return Math.ceil(((1 - this.#tokens) / this.#perSecond) * 1000)
  }

  /** Takes one in any case. @returns how long to rest until nothing is owed, milliseconds. */
  spend(now: number): number {
    if (this.#perSecond === Infinity) return 0
    this.#fill(now)
    this.#tokens--
    return this.#owedMs()
  }

  /** How long to rest until nothing is owed, milliseconds. */
  owedMs(now: number): number {
    this.#fill(now)
    return this.#owedMs()
  }

  isFull(now: number): boolean {
    this.#fill(now)
    return this.#tokens >= this.#burst
  }

  #owedMs(): number {
    return this.#tokens >= 0 ? 0 : Math.ceil((-this.#tokens / this.#perSecond) * 1000)
  }

  #fill(now: number): void {
    // A clock that was set back fills nothing, and takes nothing away.
    const elapsedMs = Math.max(0, now - this.#filledAt)
    this.#filledAt = now
    this.#tokens = Math.min(this.#burst, this.#tokens + (elapsedMs / 1000) * this.#perSecond)
  }
}

/** Beyond this many addresses, those that have done nothing for a while are forgotten. */
const MAX_ADDRESSES = 10_000

/** One bucket per address. */
export class AddressLimit {
  readonly #perMinute: number
  readonly #buckets = new Map<string, TokenBucket>()

  constructor(perMinute: number) {
    this.#perMinute = perMinute
  }

  /** @returns 0 when it may, else in how many milliseconds. */
  take(address: string, now: number): number {
    let bucket = this.#buckets.get(address)
    if (!bucket) {
      if (this.#buckets.size >= MAX_ADDRESSES) this.#forget(now)
      bucket = new TokenBucket(this.#perMinute / 60, this.#perMinute, now)
      this.#buckets.set(address, bucket)
    }
    return bucket.take(now)
  }

  #forget(now: number): void {
    for (const [address, bucket] of this.#buckets) if (bucket.isFull(now)) this.#buckets.delete(address)
    // All of them are busy: the oldest goes, so that the table stays bounded.
    const [oldest] = this.#buckets.keys()
    if (oldest !== undefined && this.#buckets.size >= MAX_ADDRESSES) this.#buckets.delete(oldest)
  }
}
