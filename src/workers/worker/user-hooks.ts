import type { Clock } from '../../core/clock.js'
import { SystemError } from '../../core/system-error.js'
import type { RunnerContext, RunnerInstance } from '../runner/runner.js'

export type HookName = Exclude<keyof RunnerInstance, 'execute'>

/**
 * Calls the hooks of one runner and waits for them: not longer than they may take, and not beyond the moment in which
 * the runner is terminated.
 */
export class UserHooks {
  readonly #clock: Clock
  readonly #instance: RunnerInstance
  readonly #context: RunnerContext
  #cut: SystemError | undefined
  #onCut: ((error: SystemError) => void) | undefined

  constructor(clock: Clock, instance: RunnerInstance, context: RunnerContext) {
    this.#clock = clock
    this.#instance = instance
    this.#context = context
  }

  /** Whether there is something to wait for. */
  has(name: HookName): boolean {
    return this.#instance[name] !== undefined
  }

  /** @throws what the hook throws, `TIMEOUT` when it took too long, the reason of the cut when that came first. */
  run(name: HookName, timeoutMs: number): Promise<unknown> {
    return this.unlessCut(this.#within(name, timeoutMs))
  }

  /** As `run`, of what still runs when everything else was cut off. */
  runLast(name: HookName, timeoutMs: number): Promise<unknown> {
    return this.#within(name, timeoutMs)
  }

  /** Ends whatever is waited for now, and all that would be waited for later. */
  cut(reason: SystemError): void {
    this.#cut ??= reason
    this.#onCut?.(reason)
  }

  isCut(error: unknown): boolean {
    return this.#cut !== undefined && error === this.#cut
  }

  unlessCut(wait: Promise<unknown>): Promise<unknown> {
    if (this.#cut) {
      wait.catch(() => {})
      return Promise.reject(this.#cut)
    }
    return new Promise((resolve, reject) => {
      this.#onCut = reject
      wait.then(resolve, reject).finally(() => (this.#onCut = undefined))
    })
  }

  async #within(name: HookName, timeoutMs: number): Promise<unknown> {
    const hook = this.#instance[name]
    if (!hook) return undefined
    return new Promise((resolve, reject) => {
      const timer = this.#clock.setTimeout(() => {
        reject(
          new SystemError('TIMEOUT', `The hook ${name} took longer than ${timeoutMs} ms`, {
            context: { hook: name, timeoutMs },
          }),
        )
      }, timeoutMs)
      // A hook that throws at once rejects as one that throws later does.
      void Promise.resolve()
        .then(() => hook.call(this.#instance, this.#context))
        .then(resolve, reject)
        .finally(() => this.#clock.clearTimeout(timer))
    })
  }
}
