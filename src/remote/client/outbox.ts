import { IdMap } from '../id-map.js'

/** How many results may be unconfirmed before a confirmation is asked for: few, because young collections copy what is kept. */
const CONFIRM_AFTER = 32
/** How many characters of results may be. */
const CONFIRM_AFTER_LENGTH = 1024 * 1024
/** How many messages are kept for the time after a cut. */
const MAX_BACKLOG = 1000
/** So many requests are remembered after their result was confirmed. A server that has the result asks for none again. */
const MAX_SETTLED = 100

/** Progress, a log entry or the like, that waits for the connection to come back. */
interface Kept {
  readonly requestId: string
  readonly text: string
}

interface Result {
  readonly requestId: string
  readonly texts: readonly string[]
}

/** A heartbeat under way. */
interface Mark {
  readonly timestamp: string
  /** How many results it confirms beside those that the ones before it do. */
  readonly count: number
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
  /** In the order in which they came to be. */
  #unconfirmed: Result[] = []
  /** How many of them, from the first, a heartbeat under way will confirm. */
  #marked = 0
  #marks: Mark[] = []
  #unconfirmedLength = 0
  #newResults = 0
  #backlog: Kept[] = []
  /** The requests with a result: those that are not confirmed, and those of late. */
  readonly #known = new IdMap<true>()

  constructor(send: (text: string) => void) {
    this.#send = send
  }

  get isEmpty(): boolean {
    return this.#unconfirmed.length === 0
  }

  /** Whether it is time to have results confirmed. */
  get wantsConfirmation(): boolean {
    return this.#newResults >= CONFIRM_AFTER || this.#unconfirmedLength >= CONFIRM_AFTER_LENGTH
  }

  /** Requests whose result may be on its way. */
  get requestIds(): readonly string[] {
    return this.#unconfirmed.map(({ requestId }) => requestId)
  }

  /** Whether the result of a request was made here not long ago. */
  has(requestId: string): boolean {
    return this.#known.has(requestId)
  }

  /** Progress, logs and the like: kept for a while when there is no connection, the latest ones. */
  tell(requestId: string, text: string): void {
    if (this.#isConnected) return this.#send(text)
    this.#backlog.push({ requestId, text })
    if (this.#backlog.length > MAX_BACKLOG) this.#backlog.shift()
  }

  result(requestId: string, texts: readonly string[]): void {
    this.#unconfirmed.push({ requestId, texts })
    this.#known.set(requestId, true)
    if (this.#known.size > this.#unconfirmed.length + MAX_SETTLED) this.#known.shift()
    this.#newResults++
    for (const text of texts) {
      // V8 keeps a text as the pieces it was put together from until somebody looks into it: they would be kept with it.
      text.charCodeAt(0)
      this.#unconfirmedLength += text.length
      if (this.#isConnected) this.#send(text)
    }
  }

  /** A heartbeat leaves: its answer will confirm what has been sent up to now. */
  mark(timestamp: string): void {
    this.#marks.push({ timestamp, count: this.#unconfirmed.length - this.#marked })
    this.#marked = this.#unconfirmed.length
    this.#newResults = 0
    this.#unconfirmedLength = 0
  }

  /** The answer to a heartbeat, and so to those before it. One that comes twice confirms nothing that was sent since. */
  confirm(timestamp: string): void {
    const index = this.#marks.findIndex((mark) => mark.timestamp === timestamp)
    const count = this.#marks.splice(0, index + 1).reduce((sum, mark) => sum + mark.count, 0)
    this.#unconfirmed.splice(0, count)
    this.#marked -= count
  }

  disconnected(): void {
    this.#isConnected = false
    this.#marks = []
    this.#marked = 0
  }

  /** Connected again: sends what is still awaited. */
  connected(awaited: ReadonlySet<string>): void {
    this.#isConnected = true
    const backlog = this.#backlog
    this.#backlog = []
    for (const { requestId, text } of backlog) if (awaited.has(requestId)) this.#send(text)
    this.#unconfirmed = this.#unconfirmed.filter(({ requestId }) => awaited.has(requestId))
    for (const { texts } of this.#unconfirmed) for (const text of texts) this.#send(text)
  }

  /** Nobody waits for anything that is here. */
  clear(): void {
    this.disconnected()
    this.#backlog = []
    this.#unconfirmed = []
  }
}
