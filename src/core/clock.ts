/** Whatever the host's timer functions return; only handed back to `clearTimeout`. */
export type TimerHandle = unknown

/**
 * Where the library reads time and sets timers. Everything that waits takes one, so that tests move time by hand:
 * see `simulatedClock()` in `busline/testing`.
 */
export interface Clock {
  /** The present instant, epoch milliseconds. */
  now(): number
  /** Calls `callback` once after `ms` milliseconds. Any length is allowed, see {@link LONGEST_TIMEOUT_MS}. */
  setTimeout(callback: () => void, ms: number): TimerHandle
  clearTimeout(handle: TimerHandle): void
}

/** The longest delay a host's `setTimeout` keeps; beyond it timers fire at once, so longer waits are chained. */
export const LONGEST_TIMEOUT_MS = 2 ** 31 - 1

class LongTimer {
  handle: ReturnType<typeof setTimeout> | undefined
  readonly callback: () => void
  readonly dueAt: number

  constructor(callback: () => void, ms: number) {
    this.callback = callback
    this.dueAt = Date.now() + ms
    this.arm(ms)
  }

  arm(ms: number): void {
    this.handle =
      ms > LONGEST_TIMEOUT_MS
        ? setTimeout(() => this.arm(this.dueAt - Date.now()), LONGEST_TIMEOUT_MS)
        : setTimeout(this.callback, Math.max(0, ms))
  }
}

/** The clock of the host: `Date.now` and `setTimeout`, with waits of more than 24.8 days chained. */
export const systemClock: Clock = {
  now: () => Date.now(),
  setTimeout: (callback, ms) => (ms === Infinity ? undefined : new LongTimer(callback, ms)),
  clearTimeout: (timer) => {
    if (timer instanceof LongTimer) clearTimeout(timer.handle)
  },
}
