import type { BusEvent } from '../../core/bus-event.js'
import type { Clock } from '../../core/clock.js'
import { type Duration, toMs } from '../../core/duration.js'
import type { Ticket } from '../modes/mode.js'
import { ExpiringMap } from './expiring-map.js'

export interface DedupeOptions {
  /**
   * What makes two events the same. Called once per event. @default the event's id, which is then remembered for
   * `ttl` instead of for the last 1000 events
   */
  readonly key?: (event: BusEvent) => string
  /** How long after an event the same one again is a `duplicate`; a duplicate does not prolong it. */
  readonly ttl: Duration
}

/** Finds events that were here before, per trigger and key. Remembers those of the last `ttl`, for twice as long at most. */
export class Dedupe {
  readonly #keyOf: (event: BusEvent) => string
  readonly #ttlMs: number
  readonly #clock: Clock
  /** When each came by first. */
  readonly #seen: ExpiringMap<string, number>

  constructor({ key = (event) => event.id, ttl }: DedupeOptions, clock: Clock) {
    this.#keyOf = key
    this.#ttlMs = toMs(ttl)
    this.#clock = clock
    this.#seen = new ExpiringMap(this.#ttlMs)
  }

  isRepeated({ triggerId, key, event }: Ticket): boolean {
    const identity = JSON.stringify([triggerId, key, this.#keyOf(event)])
    const now = this.#clock.now()
    const seenAt = this.#seen.get(identity, now)
    if (seenAt !== undefined && Math.abs(now - seenAt) < this.#ttlMs) return true
    this.#seen.set(identity, now, now)
    return false
  }
}
