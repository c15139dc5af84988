import type { Logger } from '../../core/logger.js'
import { isThenable } from '../../core/is-thenable.js'
import { serializeError } from '../../core/system-error.js'

type Handler<Words extends readonly unknown[]> = (...words: Words) => unknown

/** Handlers of one occasion. One that throws or rejects is logged, and the others are called all the same. */
export class HandlerSet<Words extends readonly unknown[]> {
  readonly #what: string
  readonly #logger: Logger
  readonly #handlers = new Map<symbol, Handler<Words>>()

  constructor(what: string, logger: Logger) {
    this.#what = what
    this.#logger = logger
  }

  get size(): number {
    return this.#handlers.size
  }

  /** @returns what takes the handler away again. */
  add(handler: Handler<Words>): () => void {
    const key = Symbol(this.#what)
    this.#handlers.set(key, handler)
    return () => void this.#handlers.delete(key)
  }

  call(...words: Words): void {
    for (const [key, handler] of [...this.#handlers]) {
      if (!this.#handlers.has(key)) continue
      try {
        const result = handler(...words)
        if (isThenable(result)) result.then(undefined, (error: unknown) => this.#report(error))
      } catch (error) {
        this.#report(error)
      }
    }
  }

  #report(error: unknown): void {
    this.#logger.error(`A handler of ${this.#what} failed`, { error: serializeError(error) })
  }
}
