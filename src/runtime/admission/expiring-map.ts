/**
 * A map whose entries are gone some time after they were last set, without timers: two generations, the older of which
 * is given up whenever the younger has come of age. An entry outlives its time by at most as much again, so whoever
 * needs the exact instant stores it. What is kept is bounded by what was set within twice that time.
 */
export class ExpiringMap<Key, Value> {
  readonly #lifeMs: number
  #young = new Map<Key, Value>()
  #old = new Map<Key, Value>()
  #youngSince = -Infinity

  constructor(lifeMs: number) {
    this.#lifeMs = lifeMs
  }

  get(key: Key, now: number): Value | undefined {
    this.#age(now)
    return this.#young.get(key) ?? this.#old.get(key)
  }

  set(key: Key, value: Value, now: number): void {
    this.#age(now)
    this.#young.set(key, value)
  }

  /** Entries that are still kept. */
  get size(): number {
    return this.#young.size + this.#old.size
  }

  #age(now: number): void {
    const age = now - this.#youngSince
    // A clock that was put back makes all of it forgotten: better early than kept for a year.
    if (age < this.#lifeMs && age > -this.#lifeMs) return
    const isInStep = age > 0 && age < 2 * this.#lifeMs
    this.#old = isInStep ? this.#young : new Map<Key, Value>()
    this.#young = new Map()
    this.#youngSince = isInStep ? this.#youngSince + this.#lifeMs : now
  }
}
