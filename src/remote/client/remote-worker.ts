import type { TimerHandle } from '../../core/clock.js'
import { type Duration, toMs } from '../../core/duration.js'
import { isThenable } from '../../core/is-thenable.js'
import { SystemError, serializeError } from '../../core/system-error.js'
import { parseMessage } from '../protocol/messages.js'
import type { WireMessage } from '../protocol/read-frame.js'
import { toText } from '../protocol/to-text.js'
import { backoffDelay } from './backoff.js'
import { Outbox } from './outbox.js'
import { ServerLink, type Welcome } from './server-link.js'
import { TaskBoard } from './task-board.js'
import { type RemoteWorkerOptions, type WorkerSettings, readWorkerOptions } from './worker-options.js'

/**
 * - `connecting`: tries to reach the server, or waits before it tries again;
 * - `connected`: registered, and given work;
 * - `draining`: finishes what it has and takes nothing;
 * - `stopped`: has left for good.
 */
export type RemoteWorkerState = 'idle' | 'connecting' | 'connected' | 'draining' | 'stopped'

/**
 * A worker that dials in to a `WorkerServer`, registers, and runs named tasks. After a cut it comes back and goes on: tasks
 * run on meanwhile, and results that may have been lost are sent again. In Node and in browsers.
 *
 * - W1 A request is run once per worker, however often it arrives or the connection is cut.
 * - W2 Results are sent until the server has them, or has said that nobody waits for them.
 */
export class RemoteWorker {
  readonly #settings: WorkerSettings
  readonly #outbox: Outbox
  readonly #board: TaskBoard
  readonly #handlers = new Map<string, Set<(message: WireMessage) => void>>()
  readonly #listeners = new Set<(state: RemoteWorkerState) => void>()
  #state: RemoteWorkerState = 'idle'
  #isDraining = false
  /** A heartbeat that left when there was nothing in hand: its answer ends the draining. */
  #isLeaving = false
  #link: ServerLink | undefined
  #sessionId: string | undefined
  #failures = 0
  #retryTimer: TimerHandle
  #started: { resolve(): void; reject(error: SystemError): void } | undefined
  #starting: Promise<void> | undefined
  #resolveClosed: () => void = () => {}

  /** Resolves when it has left for good: stopped, drained, or replaced by another of its id. */
  readonly closed: Promise<void> = new Promise((resolve) => (this.#resolveClosed = resolve))

  /** @throws {SystemError} `VALIDATION` for options with which no server would take it. */
  constructor(options: RemoteWorkerOptions) {
    const settings = readWorkerOptions(options)
    const { tasks, capabilities, cancelGraceMs, clock } = settings
    this.#settings = settings
    this.#outbox = new Outbox((text) => this.#link?.send(text))
    this.#board = new TaskBoard({
      tasks,
      maxConcurrentRequests: capabilities.maxConcurrentRequests,
      concurrencyLimits: capabilities.concurrencyLimits ?? {},
      cancelGraceMs,
      clock,
      outbox: this.#outbox,
      onEnded: () => this.#onEnded(),
    })
  }

  get workerId(): string {
    return this.#settings.workerId
  }

  get state(): RemoteWorkerState {
    return this.#state
  }

  /** How many requests it has in hand. */
  get activeRequests(): number {
    return this.#board.size
  }

  /**
   * Resolves when it has registered for the first time; a server that is not there yet is waited for.
   *
   * @throws {SystemError} `UNAUTHORIZED` when the first answer is that its token is wrong; `UNAVAILABLE` when it was
   * stopped before it got in.
   */
  start(): Promise<void> {
    if (this.#state === 'stopped') {
      return Promise.reject(
        new SystemError('UNAVAILABLE', 'Cannot start a worker that was stopped: make a new one'),
      )
    }
    this.#starting ??= new Promise<void>((resolve, reject) => {
      this.#started = { resolve, reject }
      this.#setState('connecting')
      this.#connect()
    })
    return this.#starting
  }

  /**
   * Leaves. With `drain`, takes nothing more and finishes what it has first, for at most `timeout`; without it, tasks are
   * told to end, and the server gives their requests to others.
   */
  async stop({
    drain = false,
    timeout = '30s',
  }: { readonly drain?: boolean; readonly timeout?: Duration } = {}) {
    if (this.#state === 'stopped') return
    if (!drain || this.#state === 'idle') return this.#leave('Stopped')
    const timer = this.#settings.clock.setTimeout(() => this.#leave('Drained in part'), toMs(timeout))
    this.#drain()
    await this.closed
    this.#settings.clock.clearTimeout(timer)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  /** @returns what ends the subscription. */
  onState(listener: (state: RemoteWorkerState) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** Messages that are not the protocol's own. */
  onMessage(type: string, handler: (message: WireMessage) => void): () => void {
    const handlers = this.#handlers.get(type) ?? new Set()
    this.#handlers.set(type, handlers.add(handler))
    return () => void handlers.delete(handler)
  }

  /**
   * Sends a message of your own. @returns whether there is a connection.
   *
   * @throws {SystemError} `VALIDATION` for what is no object, or cannot be JSON.
   */
  send(message: WireMessage): boolean {
    const text = toText(message)
    if (!this.#link?.isRegistered) return false
    this.#link.send(text)
    return true
  }

  #connect(): void {
    const link = new ServerLink(this.#settings, {
      onWelcome: (welcome) => this.#onWelcome(welcome),
      onRefused: (error) => this.#onRefused(error),
      onRequest: (request, step) => this.#board.add(request, step),
      onMessage: (message) => this.#onMessage(message),
      onHeartbeat: () => this.#confirmResults(),
      onConfirmed: (timestamp) => this.#onConfirmed(timestamp),
      onClosed: (code, reason) => this.#onClosed(link, code, reason),
    })
    this.#link = link
    const sessionId = this.#sessionId
    // Those that are done first: not all may have room.
    const inFlight = [...this.#outbox.requestIds, ...this.#board.requestIds]
    void link.open(sessionId === undefined ? undefined : { sessionId, inFlight })
  }

  #onWelcome({ sessionId, resumed, awaited = [], maxMessageBytes }: Welcome): void {
    this.#failures = 0
    this.#sessionId = sessionId
    // JSON in JSON: a quote takes two characters, and a character up to three bytes.
    if (maxMessageBytes !== undefined) {
      this.#board.maxChunk = Math.max(1, Math.min(256 * 1024, Math.floor((maxMessageBytes - 512) / 6)))
      this.#board.maxNews = Math.min(256 * 1024, Math.floor(maxMessageBytes / 3))
    }
    const wanted = new Set(resumed ? awaited : [])
    this.#board.keepOnly(wanted, new SystemError('ABORTED', 'The server no longer waits for this request'))
    this.#outbox.connected(wanted)
    if (this.#isDraining) this.#announceDrain()
    this.#setState(this.#isDraining ? 'draining' : 'connected')
    this.#started?.resolve()
    this.#started = undefined
  }

  #onRefused(error: string): void {
    this.#settings.logger.warn('The worker server refused the registration', { error })
    const isFirst = this.#started !== undefined
    if (!isFirst || error !== 'Invalid authentication token') return
    this.#started!.reject(
      new SystemError('UNAUTHORIZED', 'Cannot register with the worker server: the token is wrong'),
    )
    this.#started = undefined
    this.#leave('Not authorized')
  }

  #onMessage(frame: WireMessage): void {
    switch (frame.type) {
      case 'task_cancel': {
        const cancel = parseMessage('task_cancel', frame)
        return cancel.ok ? this.#board.cancel(cancel.message.requestId, cancel.message.reason) : undefined
      }
      case 'drain':
        return this.#drain()
    }
    const what = `A handler of messages of type "${frame.type}" failed`
    for (const handler of this.#handlers.get(frame.type) ?? []) this.#call(() => handler(frame), what)
  }

  #onEnded(): void {
    if (this.#isDraining && this.#board.size === 0) this.#confirmResults()
    else if (this.#outbox.wantsConfirmation) this.#confirmResults()
  }

  /** A heartbeat, whose answer says that what was sent before it has arrived. */
  #confirmResults(): void {
    if (!this.#link?.isRegistered) return
    this.#isLeaving = this.#isDraining && this.#board.size === 0
    this.#outbox.mark(this.#link.heartbeat())
  }

  #onConfirmed(timestamp: string): void {
    this.#outbox.confirm(timestamp)
    // Requests that crossed the word that it drains have arrived by now.
    if (this.#isLeaving && this.#board.size === 0 && this.#outbox.isEmpty) this.#leave('Drained')
  }

  #drain(): void {
    if (this.#isDraining || this.#state === 'stopped') return
    this.#isDraining = true
    if (!this.#link?.isRegistered) {
      if (this.#board.size === 0 && this.#outbox.isEmpty) this.#leave('Drained')
      return
    }
    this.#setState('draining')
    this.#announceDrain()
  }

  #announceDrain(): void {
    this.#link?.send(JSON.stringify({ type: 'drain' }))
    if (this.#board.size === 0) this.#confirmResults()
  }

  #onClosed(link: ServerLink, code: number, reason: string): void {
    if (this.#link !== link || this.#state === 'stopped') return
    this.#link = undefined
    this.#isLeaving = false
    this.#outbox.disconnected()
    if (code === REPLACED && reason === 'Replaced by new connection') {
      this.#settings.logger.error(`Another worker has taken the id "${this.workerId}": this one stops`, {
        reason,
      })
      return this.#leave('Replaced')
    }
    // A server that stops has given up all sessions: nobody waits for what is in hand.
    if (code === STOPPING && reason === 'Server stopping') this.#forgetSession()
    if (this.#isDraining && this.#board.size === 0 && this.#outbox.isEmpty) return this.#leave('Drained')
    this.#setState('connecting')
    this.#failures++
    const { clock, reconnect, random } = this.#settings
    this.#retryTimer = clock.setTimeout(
      () => this.#connect(),
      backoffDelay(this.#failures, reconnect, random),
    )
  }

  #forgetSession(): void {
    this.#sessionId = undefined
    this.#board.keepOnly(NONE, new SystemError('ABORTED', 'The worker server has stopped'))
    this.#outbox.clear()
  }

  #leave(reason: string): void {
    if (this.#state === 'stopped') return
    const link = this.#link
    this.#link = undefined
    this.#settings.clock.clearTimeout(this.#retryTimer)
    this.#outbox.disconnected()
    this.#setState('stopped')
    this.#board.close(new SystemError('ABORTED', 'The worker has stopped'))
    link?.leave(reason)
    this.#started?.reject(new SystemError('UNAVAILABLE', 'The worker was stopped before it could register'))
    this.#started = undefined
    this.#resolveClosed()
  }

  #setState(state: RemoteWorkerState): void {
    if (this.#state === state || this.#state === 'stopped') return
    this.#state = state
    for (const listener of [...this.#listeners]) {
      this.#call(() => listener(state), 'A listener of onState failed')
    }
  }

  /** Code of the application: what it throws is logged, now or later. */
  #call(code: () => unknown, what: string): void {
    const report = (error: unknown) => this.#settings.logger.error(what, { error: serializeError(error) })
    try {
      const result = code()
      if (isThenable(result)) result.then(undefined, report)
    } catch (error) {
      report(error)
    }
  }
}

const NONE: ReadonlySet<string> = new Set()

/** The code of a server that goes away. */
const STOPPING = 1001
/** The code with which the server ends a connection whose worker is on another one. */
const REPLACED = 4003
