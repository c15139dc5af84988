import type { TimerHandle } from '../../core/clock.js'
import { type Message, type WireStep, parseMessage } from '../protocol/messages.js'
import { MessageBatch, splitFrame } from '../protocol/message-batch.js'
import { type WireMessage, readFrame } from '../protocol/read-frame.js'
import { type Resume, registration } from './registration.js'
import type { WorkerSettings } from './worker-options.js'
import { type WorkerSocket, openSocket } from './worker-socket.js'

export type Welcome = Message<'worker_registration_ack'>

/** What one connection tells the worker. After `onClosed` nothing. */
export interface LinkEvents {
  /** Registered. */
  onWelcome(welcome: Welcome): void
  /** Not registered; the connection ends. */
  onRefused(error: string): void
  onRequest(request: Message<'task_request'>, step: WireStep): void
  onMessage(message: WireMessage): void
  /** A heartbeat is due: call `heartbeat()`. */
  onHeartbeat(): void
  /** The heartbeat of that timestamp was answered. */
  onConfirmed(timestamp: string): void
  onClosed(code: number, reason: string): void
}

/** How many intervals may pass without an answer before the connection counts as dead. */
const MAX_SILENT_INTERVALS = 2

/**
 * One connection from its opening to its end: registers, and keeps hearing heartbeats answered.
 *
 * - L1 `onClosed` is called once, also when the socket could not be opened.
 */
export class ServerLink {
  readonly #settings: WorkerSettings
  readonly #events: LinkEvents
  #socket: WorkerSocket | undefined
  /** For a server that reads several messages from a frame. */
  #batch: MessageBatch | undefined
  /** That of the last request in the frame that is read. */
  #step: WireStep | undefined
  #timer: TimerHandle
  /** Intervals since a heartbeat was answered. How many are under way says nothing: results are confirmed by more of them. */
  #silentIntervals = 0
  #lastHeartbeat = 0
  #intervalMs = Infinity
  #isRegistered = false
  #isClosed = false

  constructor(settings: WorkerSettings, events: LinkEvents) {
    this.#settings = settings
    this.#events = events
  }

  get isRegistered(): boolean {
    return this.#isRegistered && !this.#isClosed
  }

  /** @param resume The session to go on with. */
  async open(resume: Resume | undefined): Promise<void> {
    const settings = this.#settings
    this.#timer = settings.clock.setTimeout(() => this.cut(), settings.connectTimeoutMs)
    try {
      const authToken = await settings.readToken()
      if (this.#isClosed) return
      this.#socket = await openSocket(settings, {
        onOpen: () => this.send(registration(settings, authToken, resume)),
        onMessage: (text) => this.#receiveFrame(text),
        onClose: (code, reason) => this.#closed(code, reason),
      })
      // Cut while it was being made.
      if (this.#isClosed as boolean) this.#socket.terminate()
    } catch (error) {
      settings.logger.error('Cannot open a connection to the worker server', { error: String(error) })
      this.#closed(CUT, String(error))
    }
  }

  send(text: string): void {
    if (this.#isClosed) return
    if (this.#batch) this.#batch.add(text)
    else this.#socket?.send(text)
  }

  /**
   * Asks the server to confirm what was sent up to now; also what keeps the worker alive over there.
   *
   * @returns its timestamp, of which there is no other on this connection: the answer repeats it.
   */
  heartbeat(): string {
    const { clock, workerId } = this.#settings
    this.#lastHeartbeat = Math.max(clock.now(), this.#lastHeartbeat + 1)
    const timestamp = new Date(this.#lastHeartbeat).toISOString()
    this.send(JSON.stringify({ type: 'heartbeat', workerId, timestamp }))
    return timestamp
  }

  /** Leaves for good: the server will not wait. */
  leave(reason: string): void {
    this.#batch?.flush()
    this.#socket?.close(1000, reason)
    this.#closed(1000, reason)
  }

  /** Gives the connection up. */
  cut(): void {
    this.#socket?.terminate()
    this.#closed(CUT, 'Cut')
  }

  #receiveFrame(text: string): void {
    const messages = this.#batch ? splitFrame(text) : [text]
    if (!messages) return this.#refuse({ message: 'A frame must not hold that many messages' })
    this.#step = undefined
    for (const message of messages) this.#receive(message)
  }

  #receive(text: string): void {
    if (this.#isClosed) return
    const frame = readFrame(text)
    if (!frame.ok) return this.#refuse(frame.fault)
    const { message } = frame
    if (message.type === 'task_request') return this.#receiveRequest(message)
    if (message.type === 'worker_registration_ack') {
      const welcome = parseMessage('worker_registration_ack', message)
      return welcome.ok ? this.#welcomed(welcome.message) : this.#refuse(welcome.fault)
    }
    if (message.type === 'heartbeat_ack') {
      this.#silentIntervals = 0
      return this.#events.onConfirmed(String(message['timestamp']))
    }
    if (message.type === 'error') {
      return this.#settings.logger.warn('The worker server refused a message', { message })
    }
    this.#events.onMessage(message)
  }

  #receiveRequest(message: WireMessage): void {
    const request = parseMessage('task_request', message)
    if (!request.ok) return this.#refuse(request.fault)
    const step = request.message.step ?? this.#step ?? NO_STEP
    this.#step = step
    this.#events.onRequest(request.message, step)
  }

  #welcomed(welcome: Welcome): void {
    if (!welcome.success) return this.#events.onRefused(welcome.error ?? 'Refused without a reason')
    if (this.#isRegistered) return
    this.#isRegistered = true
    this.#settings.clock.clearTimeout(this.#timer)
    this.#intervalMs = welcome.heartbeatIntervalMs ?? 15_000
    this.#armHeartbeat()
    if (welcome.batches) {
      this.#batch = new MessageBatch((frame) => this.#socket?.send(frame), welcome.maxMessageBytes)
    }
    this.#events.onWelcome(welcome)
  }

  #armHeartbeat(): void {
    this.#timer = this.#settings.clock.setTimeout(() => {
      if (this.#silentIntervals++ >= MAX_SILENT_INTERVALS) return this.cut()
      this.#events.onHeartbeat()
      this.#armHeartbeat()
    }, this.#intervalMs)
  }

  #refuse(fault: { readonly message: string }): void {
    this.#settings.logger.warn('The worker server sent a message that cannot be read', { fault })
    this.send(JSON.stringify({ type: 'error', ...fault }))
  }

  #closed(code: number, reason: string): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#settings.clock.clearTimeout(this.#timer)
    this.#events.onClosed(code, reason)
  }
}

/** Of a request that says no more than what is to be done. */
const NO_STEP: WireStep = {
  workflowId: '',
  pipelineId: '',
  stageId: '',
  stepId: '',
  timeoutMs: null,
  requires: {},
}

/** The code of a connection that ended without one. */
const CUT = 1006
