import type { Clock } from '../../core/clock.js'
import { toMs } from '../../core/duration.js'
import type { Ticket } from '../modes/mode.js'
import { ExpiringMap } from './expiring-map.js'
import { type RateOptions, RateWindow } from './rate-window.js'

/** The windows of a rate, per key; one that is empty again is forgotten. */
export class RateWindows {
  readonly #options: RateOptions
  readonly #byKey: ExpiringMap<string | undefined, RateWindow>

  constructor(options: RateOptions) {
    this.#options = options
    this.#byKey = new ExpiringMap(toMs(options.per))
  }

  /** Call it for every passage, so that the window lives on. */
  of(key: string | undefined, now: number): RateWindow {
    const window = this.#byKey.get(key, now) ?? new RateWindow(this.#options)
    this.#byKey.set(key, window, now)
    return window
  }
}

/** Finds the events beyond a rate, per key. What it finds does not count. */
export class RateLimit {
  readonly #windows: RateWindows
  readonly #clock: Clock

  constructor(options: RateOptions, clock: Clock) {
    this.#windows = new RateWindows(options)
    this.#clock = clock
  }

  isExceeded({ key }: Ticket): boolean {
    const now = this.#clock.now()
    return !this.#windows.of(key, now).take(now)
  }
}
