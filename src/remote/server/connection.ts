import type { Duplex } from 'node:stream'
import type { RawData, WebSocket } from 'ws'
import type { Clock, TimerHandle } from '../../core/clock.js'
import type { ProtocolFault } from '../protocol/protocol-fault.js'
import { MAX_REGISTRATION_BYTES } from '../protocol/messages.js'
import { type WireMessage, readFrame } from '../protocol/read-frame.js'
import { Cork } from '../protocol/cork.js'
import { MessageBatch, splitFrame, withField } from '../protocol/message-batch.js'
import { CLOSE, type CloseReason } from './close-code.js'
import type { ServerCounters } from './counters.js'
import { TokenBucket } from './rate-limit.js'
import type { Grant } from './token-book.js'

/** What a connection needs of the server it belongs to. */
export interface ConnectionHost {
  readonly clock: Clock
  readonly counters: ServerCounters
  readonly limits: ConnectionLimits
  readonly receiver: MessageReceiver
  /** Steady time, in which silence is measured. */
  now(): number
  /** Nothing more will come of it. @param mayReturn Whether it was cut, and not ended by one of the two sides. */
  ended(connection: Connection, mayReturn: boolean): void
  /** The socket is closed. */
  closed(connection: Connection): void
}

export interface MessageReceiver {
  receive(connection: Connection, message: WireMessage): void
  /** A message is about to be refused; what it is about could be read. */
  receiveUnreadable(connection: Connection, about: WireMessage, fault: ProtocolFault): void
}

export interface ConnectionLimits {
  readonly registrationTimeoutMs: number
  readonly maxMessagesPerSecond: number
  readonly maxBufferedBytes: number
}

/** The malformed message that ends a connection. */
const MAX_MALFORMED = 3
/** The code of a peer that leaves for good, and says so. */
const LEFT = 1000

/**
 * One socket: frames in, checked messages out; what is sent in one turn of the event loop leaves in few packets.
 *
 * - C1 After `close` nothing is received any more.
 * - C2 `ended` is called once, whoever ended it and however; `closed` once after it.
 */
export class Connection {
  readonly address: string
  /** Set when it registers, and taken away when another connection takes the worker over. */
  workerId: string | undefined
  /** What its token allows. */
  grant: Grant | undefined
  /** Since when a ping is unanswered, steady time. */
  unansweredSince: number | undefined
  readonly #host: ConnectionHost
  readonly #socket: WebSocket
  readonly #cork: Cork
  /** For peers that read several messages from a frame. */
  #batch: MessageBatch | undefined
  readonly #bucket: TokenBucket
  #registrationTimer: TimerHandle
  #restTimer: TimerHandle
  #malformed = 0
  /** Closed by us: what still comes is not received. */
  #isClosing = false
  #hasEnded = false
  #isPaused = false

  constructor(host: ConnectionHost, socket: WebSocket, stream: Duplex, address: string) {
    this.#host = host
    this.#socket = socket
    this.#cork = new Cork(stream)
    this.address = address
    const { registrationTimeoutMs, maxMessagesPerSecond } = host.limits
    this.#bucket = new TokenBucket(maxMessagesPerSecond, maxMessagesPerSecond, host.clock.now())
    this.#registrationTimer = host.clock.setTimeout(() => this.close('notRegistered'), registrationTimeoutMs)
    socket.on('message', (data, isBinary) => this.#onMessage(data, isBinary))
    socket.on('pong', () => this.#heard())
    // Without a listener a malformed frame would end the process; the socket closes itself.
    socket.on('error', ({ code }: NodeJS.ErrnoException) => {
      if (code?.startsWith('WS_ERR_')) host.counters.malformedMessages++
    })
    socket.on('close', (code) => this.#onClose(code))
  }

  get isOpen(): boolean {
    return !this.#isClosing && this.#socket.readyState === this.#socket.OPEN
  }

  /** The time to register is over: it has. */
  confirmRegistration(workerId: string, grant: Grant): void {
    this.workerId = workerId
    this.grant = grant
    this.#host.clock.clearTimeout(this.#registrationTimer)
  }

  /** From now on a frame may hold several messages. Not before the welcome has left, which tells the peer that it may. */
  batch(): void {
    this.#batch ??= new MessageBatch((frame) => this.#socket.send(frame))
  }

  /**
   * @param common A field that the message lacks, see {@link MessageBatch.add}.
   * @returns whether it was handed over; not to one that is closed, and not to one that does not read.
   */
  send(text: string, common?: string): boolean {
    if (!this.isOpen) return false
    if (this.#socket.bufferedAmount > this.#host.limits.maxBufferedBytes) {
      this.#host.counters.refusedSends++
      return false
    }
    if (this.#batch) {
      this.#batch.add(text, common)
    } else {
      this.#cork.hold()
      this.#socket.send(common === undefined ? text : withField(text, common))
    }
    this.#host.counters.messagesSent++
    return true
  }

  /** Answers a message that was refused; the third malformed one ends the connection. */
  refuse(fault: ProtocolFault): void {
    this.send(JSON.stringify({ type: 'error', ...fault }))
    if (fault.code === 'UNKNOWN_TYPE') {
      this.#host.counters.unhandledMessages++
      return
    }
    this.#host.counters.malformedMessages++
    if (++this.#malformed >= MAX_MALFORMED) this.close('malformed')
  }

  /** Asks whether somebody is there. A socket that we do not read cannot answer, and is not asked. */
  ping(): void {
    if (!this.isOpen || this.#isPaused) return
    this.unansweredSince ??= this.#host.now()
    this.#socket.ping()
  }

  close(why: CloseReason): void {
    if (this.#isClosing) return
    this.#isClosing = true
    const [code, reason] = CLOSE[why]
    this.#batch?.flush()
    // Who is not read does not see the answer to its closing.
    if (this.#isPaused) this.#socket.resume()
    this.#socket.close(code, reason)
    this.#end(false)
  }

  /** Cuts it: the peer may come back. */
  terminate(): void {
    this.#socket.terminate()
    this.#end(true)
  }

  #heard(): void {
    this.unansweredSince = undefined
  }

  #onMessage(data: RawData, isBinary: boolean): void {
    if (this.#isClosing) return
    this.#heard()
    if (isBinary) {
      this.#count()
      return this.refuse({ code: 'BINARY', message: 'A message must be a text frame' })
    }
    const bytes = data as Buffer
    if (this.workerId === undefined && bytes.length > MAX_REGISTRATION_BYTES) {
      const message = `The first message must have at most ${MAX_REGISTRATION_BYTES} bytes: it has ${bytes.length}`
      this.#count()
      this.refuse({ code: 'TOO_LARGE', message })
      return this.close('tooLarge')
    }
    const text = bytes.toString('utf8')
    // A client of the reference protocol may have broken its JSON into lines.
    const messages = this.#batch ? splitFrame(text) : [text]
    if (!messages)
      return this.refuse({ code: 'TOO_LARGE', message: 'A frame must not hold that many messages' })
    const now = this.#host.clock.now()
    for (const message of messages) {
      if (this.#isClosing) return
      this.#count(now)
      this.#read(message)
    }
  }

  #read(text: string): void {
    const frame = readFrame(text)
    const { receiver } = this.#host
    if (frame.ok) return receiver.receive(this, frame.message)
    if (frame.about) receiver.receiveUnreadable(this, frame.about, frame.fault)
    this.refuse(frame.fault)
  }

  #count(now = this.#host.clock.now()): void {
    this.#host.counters.messagesReceived++
    this.#throttle(now)
  }

  /** Who sends too much is not read for a while: that slows it down, and nothing is lost. */
  #throttle(now: number): void {
    const owedMs = this.#bucket.spend(now)
    if (owedMs === 0 || this.#isPaused) return
    this.#host.counters.throttled++
    this.#isPaused = true
    this.#socket.pause()
    this.#rest(owedMs)
  }

  /** What had been read already when it was paused still comes, and is owed too. */
  #rest(ms: number): void {
    const { clock } = this.#host
    this.#restTimer = clock.setTimeout(() => {
      const owedMs = this.#bucket.owedMs(clock.now())
      if (owedMs > 0) return this.#rest(owedMs)
      this.#isPaused = false
      this.#socket.resume()
    }, ms)
  }

  #onClose(code: number): void {
    this.#end(code !== LEFT)
    this.#host.closed(this)
  }

  #end(mayReturn: boolean): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    this.#isClosing = true
    this.#host.clock.clearTimeout(this.#registrationTimer)
    this.#host.clock.clearTimeout(this.#restTimer)
    this.#host.ended(this, mayReturn)
  }
}
