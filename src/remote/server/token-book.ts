import { createHmac, randomBytes } from 'node:crypto'
import type { Clock } from '../../core/clock.js'
import { type Duration, toMs } from '../../core/duration.js'

/** A token that lets workers in. */
export interface WorkerToken {
  readonly token: string
  /** The ids that may register with it. @default any */
  readonly workerIds?: readonly string[]
}

/** What a socket was let in by. */
export interface Grant {
  workerIds?: ReadonlySet<string> | undefined
  /** Epoch milliseconds from which it no longer holds. */
  expiresAt: number
}

const OPEN: Grant = Object.freeze({ expiresAt: Infinity })

/**
 * Which tokens let in whom. Tokens are kept and looked up as a keyed hash under a key that lives as long as the process,
 * so the time of a look-up says nothing about a token.
 */
export class TokenBook {
  readonly #key = randomBytes(32)
  readonly #clock: Clock
  #grants = new Map<string, Grant>()

  constructor(tokens: readonly WorkerToken[], clock: Clock) {
    this.#clock = clock
    this.replace(tokens, 0)
  }

  /** Without tokens everybody is let in. */
  get isOpen(): boolean {
    return this.#grants.size === 0
  }

  /** @returns what the token grants; `undefined` if it grants nothing. */
  check(token: unknown): Grant | undefined {
    const digest = this.#digest(typeof token === 'string' ? token : '')
    if (this.isOpen) return OPEN
    const grant = typeof token === 'string' ? this.#grants.get(digest) : undefined
    return grant && grant.expiresAt > this.#clock.now() ? grant : undefined
  }

  /** Whether a worker of that id may be here by that grant now. */
  holds({ expiresAt, workerIds }: Grant, workerId: string): boolean {
    return expiresAt > this.#clock.now() && (!workerIds || workerIds.has(workerId))
  }

  /**
   * Puts other tokens in the place of the present ones, checked as options are. Those that are not among them hold for
   * `overlap` longer.
   */
  replace(tokens: readonly WorkerToken[], overlap: Duration): void {
    const until = this.#clock.now() + toMs(overlap)
    const grants = new Map<string, Grant>()
    for (const { token, workerIds } of tokens) {
      grants.set(this.#digest(token), { workerIds: workerIds && new Set(workerIds), expiresAt: Infinity })
    }
    for (const [digest, grant] of this.#grants) {
      const renewed = grants.get(digest)
      grant.expiresAt = renewed ? Infinity : Math.min(grant.expiresAt, until)
      if (renewed) grant.workerIds = renewed.workerIds
      // The very grant that sockets hold goes on with its token.
      if (grant.expiresAt > this.#clock.now()) grants.set(digest, grant)
    }
    this.#grants = grants
  }

  #digest(token: string): string {
    return createHmac('sha256', this.#key).update(token).digest('base64')
  }
}
