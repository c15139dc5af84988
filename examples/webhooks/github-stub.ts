import { type Clock, SystemError } from 'busline'

export interface GitHubStubOptions {
  readonly clock: Clock
  readonly random: () => number
}

export interface CallOptions {
  /** How long the call usually takes, milliseconds. */
  readonly typicalMs: number
  /** The share of calls that fail, from 0 to 1. @default 0.05 */
  readonly failureRate?: number
  /** Gives the call up at once. */
  readonly signal: AbortSignal
}

/**
 * Stands in for everything that workflows call over the network. A call takes from half to twice its usual time and
 * fails now and then, as the seed says; the clock is the one of the runtime, so nobody really waits.
 */
export class GitHubStub {
  readonly #clock: Clock
  readonly #random: () => number

  constructor({ clock, random }: GitHubStubOptions) {
    this.#clock = clock
    this.#random = random
  }

  async call(what: string, { typicalMs, failureRate = 0.05, signal }: CallOptions): Promise<void> {
    const ms = Math.round(typicalMs * 2 ** (2 * this.#random() - 1))
    const fails = this.#random() < failureRate
    await this.#sleep(ms, signal)
    if (fails) throw new SystemError('UNAVAILABLE', `${what}: GitHub answered 502 Bad Gateway`)
  }

  #sleep(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const giveUp = () => {
        this.#clock.clearTimeout(timer)
        reject(signal.reason as Error)
      }
      const timer = this.#clock.setTimeout(() => {
        signal.removeEventListener('abort', giveUp)
        resolve()
      }, ms)
      if (signal.aborted) giveUp()
      else signal.addEventListener('abort', giveUp, { once: true })
    })
  }
}
