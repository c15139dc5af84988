import type { Clock } from '../../core/clock.js'
import type { SystemError } from '../../core/system-error.js'

export interface RunnerEndingOptions {
  readonly clock: Clock
  /** Milliseconds that what is under way still has, as the profile says now. */
  readonly graceMs: () => number
  /** What an iteration is told whose grace period is over. */
  readonly graceIsOver: () => SystemError
  /** Cuts off every iteration under way. */
  readonly interrupt: (reason: SystemError) => void
}

/**
 * How one runner comes to its end: how long what is under way still has, and what may still begin.
 *
 * Invariants: the grace period of a stop begins when the stop is asked for and is never prolonged, whatever waits in front of
 * it; that of a load which has nothing left to start is forgotten when the load begins anew.
 */
export class RunnerEnding {
  /** A stop or a terminate was asked for: no load starts any more. */
  isAsked = false
  /** Why nothing at all begins any more. */
  reason: SystemError | undefined
  readonly #options: RunnerEndingOptions
  #exhaustedTimer: unknown
  #stopTimer: unknown

  constructor(options: RunnerEndingOptions) {
    this.#options = options
  }

  /** The load has nothing left to start. */
  beginExhausted(): void {
    this.#exhaustedTimer = this.#afterGrace(this.#options.interrupt)
  }

  /** The load may start again. */
  forgetExhausted(): void {
    this.#options.clock.clearTimeout(this.#exhaustedTimer)
  }

  /** A stop is asked for; the first one counts. */
  askToStop(): void {
    this.isAsked = true
    this.#stopTimer ??= this.#afterGrace((reason) => this.#end(reason))
  }

  /** Whatever is under way ends now. */
  cutOff(reason: SystemError): void {
    this.isAsked = true
    this.#end(reason)
  }

  clearTimers(): void {
    this.forgetExhausted()
    this.#options.clock.clearTimeout(this.#stopTimer)
  }

  #end(reason: SystemError): void {
    this.reason = reason
    this.#options.interrupt(reason)
  }

  #afterGrace(act: (reason: SystemError) => void): unknown {
    const { clock, graceMs, graceIsOver } = this.#options
    return clock.setTimeout(() => act(graceIsOver()), graceMs())
  }
}
