import { IdMap } from '../id-map.js'

/** How many results may be unconfirmed before a confirmation is asked for: a few, because each is kept until then. */
const CONFIRM_AFTER = 128
/** How many characters of results may be. */
const CONFIRM_AFTER_LENGTH = 1024 * 1024
/** How many messages are kept for the time after a cut. */
const MAX_BACKLOG = 1000
/** So many requests are remembered after their result was confirmed, to know a repeated one. */
const MAX_SETTLED = 5_000

/** A message about a request that waits for the connection to come back. */
interface Kept {
  readonly requestId: string
  readonly text: string
}

/**
 * What leaves the worker, and what of it may have been lost.
 *
 * - O1 A result is kept until it is known to have arrived: messages arrive in order, so the answer to a heartbeat says
 *   that everything sent before the heartbeat is there.
 * - O2 After a cut, what is still awaited is sent again in its order; the rest is dropped.
 */
export class Outbox {
  readonly #send: (text: string) => void
  #isConnected = false
  /** Results by request, in the order in which they came to be. */
  readonly #unconfirmed = new IdMap<readonly string[]>()
  #unconfirmedLength = 0
  #newResults = 0
  /** Per heartbeat under way: the results that its answer confirms. */
  #marks: (readonly string[])[] = []
  #backlog: Kept[] = []
  /** The requests of late. */
  readonly #settled = new IdMap<true>()

  constructor(send: (text: string) => void) {
    this.#send = send
  }

  get isEmpty(): boolean {
    return this.#unconfirmed.size === 0
  }

  /** Whether it is time to have results confirmed. */
  get wantsConfirmation(): boolean {
    return this.#newResults >= CONFIRM_AFTER || this.#unconfirmedLength >= CONFIRM_AFTER_LENGTH
  }

  /** Requests whose result may be on its way. */
  get requestIds(): readonly string[] {
    return this.#unconfirmed.ids()
  }

  /** Whether the result of a request was made here not long ago. */
  has(requestId: string): boolean {
    return this.#unconfirmed.has(requestId) || this.#settled.has(requestId)
  }

  /** Progress, logs and the like: kept for a while when there is no connection, the latest ones. */
  tell(requestId: string, text: string): void {
    if (this.#isConnected) return this.#send(text)
    this.#backlog.push({ requestId, text })
    if (this.#backlog.length > MAX_BACKLOG) this.#backlog.shift()
  }

  result(requestId: string, texts: readonly string[]): void {
    this.#unconfirmed.set(requestId, texts)
    this.#newResults++
    for (const text of texts) {
      this.#unconfirmedLength += text.length
      if (this.#isConnected) this.#send(text)
    }
  }

  /** A heartbeat leaves: its answer will confirm what has been sent up to now. */
  mark(): void {
    this.#marks.push(this.#unconfirmed.ids())
    this.#newResults = 0
    this.#unconfirmedLength = 0
  }

  /** The answer to the oldest heartbeat. */
  confirm(): void {
    for (const requestId of this.#marks.shift() ?? []) this.#drop(requestId)
  }

  disconnected(): void {
    this.#isConnected = false
    this.#marks = []
  }

  /** Connected again: sends what is still awaited. */
  connected(awaited: ReadonlySet<string>): void {
    this.#isConnected = true
    const backlog = this.#backlog
    this.#backlog = []
    for (const { requestId, text } of backlog) if (awaited.has(requestId)) this.#send(text)
    for (const [requestId, texts] of this.#unconfirmed.entries()) {
      if (awaited.has(requestId)) for (const text of texts) this.#send(text)
      else this.#drop(requestId)
    }
  }

  /** Nobody waits for anything that is here. */
  clear(): void {
    this.#backlog = []
    for (const requestId of this.requestIds) this.#drop(requestId)
  }

  #drop(requestId: string): void {
    this.#unconfirmed.delete(requestId)
    this.#settled.set(requestId, true)
    if (this.#settled.size > MAX_SETTLED) this.#settled.shift()
  }
}
