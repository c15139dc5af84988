import type { WorkerInfo } from '../pool/worker-info.js'
import type { WorkerPool } from '../pool/worker-pool.js'
import { PROTOCOL, parseMessage } from '../protocol/messages.js'
import type { ProtocolFault } from '../protocol/protocol-fault.js'
import type { WireMessage } from '../protocol/read-frame.js'
import type { Connection, MessageReceiver } from './connection.js'
import type { ServerCounters } from './counters.js'
import { HandlerSet } from './handler-set.js'
import type { RequestTable } from './request-table.js'
import type { ServerSettings } from './server-options.js'
import type { SessionTable } from './session-table.js'

/** What the router needs of the server. */
export interface RouterHost {
  readonly settings: ServerSettings
  readonly pool: WorkerPool
  readonly requests: RequestTable
  readonly sessions: SessionTable
  readonly counters: ServerCounters
  /** Steady time. */
  now(): number
}

/** Brings each message of a worker to who handles it; one that has not registered can only register. */
export class MessageRouter implements MessageReceiver {
  readonly #host: RouterHost
  readonly #handlers = new Map<string, HandlerSet<[WorkerInfo, WireMessage]>>()

  constructor(host: RouterHost) {
    this.#host = host
  }

  on(type: string, handler: (worker: WorkerInfo, message: WireMessage) => unknown): () => void {
    let handlers = this.#handlers.get(type)
    if (!handlers) {
      handlers = new HandlerSet(`messages of type "${type}"`, this.#host.settings.logger)
      this.#handlers.set(type, handlers)
    }
    return handlers.add(handler)
  }

  receive(connection: Connection, message: WireMessage): void {
    if (message.type === 'worker_registration') return this.#host.sessions.register(connection, message)
    const { workerId } = connection
    if (workerId === undefined) {
      return connection.refuse({ code: 'NOT_REGISTERED', message: 'Register first', path: 'type' })
    }
    const fault = this.#handle(connection, workerId, message)
    if (fault) connection.refuse(fault)
  }

  /** Nobody else gets to see it; but where it was to be a result, its request has come to its end. */
  receiveUnreadable({ workerId }: Connection, about: WireMessage, fault: ProtocolFault): void {
    if (workerId !== undefined && this.#host.sessions.protocolOf(workerId) >= PROTOCOL) {
      this.#failRequest(workerId, about, fault)
    }
  }

  #failRequest(workerId: string, { type, requestId }: WireMessage, fault: ProtocolFault): void {
    if (type === 'task_result') this.#host.requests.receiveUnreadable(workerId, requestId, fault)
  }

  #handle(connection: Connection, workerId: string, message: WireMessage): ProtocolFault | undefined {
    switch (message.type) {
      case 'heartbeat':
        return this.#heartbeat(connection, workerId, message)
      case 'task_accept':
      case 'task_progress':
      case 'task_log':
      case 'task_result_chunk':
      case 'task_result': {
        if (this.#host.sessions.protocolOf(workerId) < PROTOCOL) break
        const parsed = parseMessage(message.type, message)
        if (parsed.ok) return this.#host.requests.receive(workerId, parsed.message)
        this.#failRequest(workerId, message, parsed.fault)
        return parsed.fault
      }
      case 'drain':
        if (this.#host.sessions.protocolOf(workerId) < PROTOCOL) break
        this.#host.pool.drain(workerId)
        return undefined
      case 'error':
        // To answer it with another one could go on for ever.
        this.#host.settings.logger.warn(`Worker "${workerId}" refused a message`, { message })
        return undefined
    }
    return this.#route(workerId, message)
  }

  #heartbeat(connection: Connection, workerId: string, frame: WireMessage): ProtocolFault | undefined {
    const parsed = parseMessage('heartbeat', frame)
    if (!parsed.ok) return parsed.fault
    const { message } = parsed
    if (message.workerId !== workerId) {
      return { code: 'WRONG_WORKER', message: `This socket is registered as "${workerId}"`, path: 'workerId' }
    }
    const { pool, requests, counters, settings } = this.#host
    counters.heartbeats++
    const wasUnhealthy = !pool.isHealthy(workerId) || !pool.isReachable(workerId)
    pool.heartbeat(workerId, this.#host.now())
    // Whoever speaks can be reached, whatever became of the last ping.
    if (wasUnhealthy) pool.setReachable(workerId, true)
    if (wasUnhealthy) requests.announceCapacity(workerId)
    const nextHeartbeatDeadline = new Date(settings.clock.now() + settings.heartbeatTimeoutMs).toISOString()
    connection.send(
      JSON.stringify({ type: 'heartbeat_ack', timestamp: message.timestamp, nextHeartbeatDeadline }),
    )
    return undefined
  }

  #route(workerId: string, message: WireMessage): ProtocolFault | undefined {
    const { type, requestId } = message
    const handlers = this.#handlers.get(type)
    if (!handlers || handlers.size === 0) {
      return {
        code: 'UNKNOWN_TYPE',
        message: `Nobody handles messages of type "${type.slice(0, 64)}"`,
        path: 'type',
      }
    }
    if (requestId !== undefined && typeof requestId !== 'string') {
      return { code: 'INVALID_MESSAGE', message: '"requestId" must be a string', path: 'requestId' }
    }
    const worker = this.#host.pool.getWorker(workerId)
    if (worker) handlers.call(worker, message)
    return undefined
  }
}
