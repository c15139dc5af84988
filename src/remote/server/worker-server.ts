import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import { type Duration, toMs } from '../../core/duration.js'
import type { RemovedWorker, WorkerInfo } from '../pool/worker-info.js'
import { WorkerPool } from '../pool/worker-pool.js'
import type { WireMessage } from '../protocol/read-frame.js'
import { Connection, type ConnectionHost } from './connection.js'
import { type ServerCounters, createCounters } from './counters.js'
import { type DispatchOptions, type DispatchedRequest, dispatchRequest } from './dispatch.js'
import { HandlerSet } from './handler-set.js'
import { HealthWatch } from './health-watch.js'
import { type HttpHandler, HttpFront, type WebSocketEndpoint } from './http-front.js'
import { MessageRouter } from './message-router.js'
import { QuietWait } from './quiet-wait.js'
import { RequestTable } from './request-table.js'
import { type ServerSettings, type WorkerServerOptions, readServerOptions } from './server-options.js'
import { type ServerHealth, type ServerStatus, type WorkSource, describeServer } from './server-status.js'
import type { ServerState, StopOptions } from './server-state.js'
import { SessionTable } from './session-table.js'
import { SteadyTime } from './steady-time.js'
import { toText } from '../protocol/to-text.js'
import { TokenBook, type WorkerToken } from './token-book.js'
import { Turns } from './turns.js'

export type WorkerConnectedHandler = (worker: WorkerInfo) => unknown
export type WorkerDisconnectedHandler = (worker: WorkerInfo, pendingRequestIds: readonly string[]) => unknown
export type WorkerMessageHandler = (worker: WorkerInfo, message: WireMessage) => unknown

/**
 * A server that workers dial in to: they register over a WebSocket with what they can do, are watched by heartbeats and
 * pings, and are given work. Guide: `docs/remote.md`.
 *
 * Needs `ws`. Made stopped; may be started again after it was stopped.
 */
export class WorkerServer {
  readonly #settings: ServerSettings
  readonly #pool: WorkerPool
  readonly #requests: RequestTable
  readonly #sessions: SessionTable
  readonly #tokens: TokenBook
  readonly #router: MessageRouter
  readonly #front: HttpFront
  readonly #counters: ServerCounters = createCounters()
  readonly #time: SteadyTime
  readonly #connections = new Set<Connection>()
  readonly #onConnected: HandlerSet<[WorkerInfo]>
  readonly #onDisconnected: HandlerSet<[WorkerInfo, readonly string[]]>
  readonly #sources = new Set<WorkSource>()
  readonly #host: ConnectionHost
  readonly #health: HealthWatch
  /** What a stop waits with: told whenever a request has ended or a socket has closed. */
  readonly #quiet = new QuietWait()
  #state: ServerState = 'stopped'
  readonly #turns = new Turns()
  #startedAt: number | undefined

  /** @throws {SystemError} `VALIDATION` with every option that is wrong, or when it would be open to others without a token. */
  constructor(options: WorkerServerOptions = {}) {
    const settings = readServerOptions(options)
    const { clock, logger, heartbeatTimeoutMs, healthCheckIntervalMs } = settings
    const counters = this.#counters
    this.#settings = settings
    this.#time = new SteadyTime(clock, 2 * healthCheckIntervalMs)
    const now = () => this.#time.now()
    const pool = (this.#pool = new WorkerPool({ heartbeatTimeoutMs }))
    const tokens = (this.#tokens = new TokenBook(settings.tokens, clock))
    this.#onConnected = new HandlerSet('onWorkerConnected', logger)
    this.#onDisconnected = new HandlerSet('onWorkerDisconnected', logger)
    const requests = (this.#requests = new RequestTable({
      pool,
      counters,
      settings,
      sendText: (workerId, text, common) =>
        this.#sessions.connectionOf(workerId)?.send(text, common) ?? false,
    }))
    requests.onCapacity(() => this.#quiet.check())
    const state = () => this.#state
    const sessions = (this.#sessions = new SessionTable({
      settings,
      pool,
      requests,
      tokens,
      counters,
      get isAccepting() {
        return state() === 'running'
      },
      get isResumable() {
        return state() === 'running' || state() === 'draining'
      },
      now,
      connected: (worker) => this.#onConnected.call(worker),
      disconnected: (removed) => this.#told(removed),
    }))
    this.#router = new MessageRouter({ pool, requests, sessions, counters, settings, now })
    this.#host = {
      clock,
      counters,
      limits: settings,
      now,
      receiver: this.#router,
      ended: (connection, mayReturn) => sessions.ended(connection, mayReturn),
      closed: (connection) => {
        this.#connections.delete(connection)
        this.#quiet.check()
      },
    }
    this.#health = new HealthWatch({ settings, pool, sessions, now })
    this.#front = new HttpFront({
      settings,
      refuseWorker: () => (this.#unregistered() >= settings.maxUnregistered ? 503 : undefined),
      refused: () => void counters.refusedUpgrades++,
      isOpenToAll: () => tokens.isOpen && !settings.allowUnauthenticated,
      worker: (socket, stream, request) => this.#open(socket, stream, request),
    })
  }

  get state(): ServerState {
    return this.#state
  }

  /** The port it listens on; `undefined` unless it does. */
  get port(): number | undefined {
    return this.#front.port
  }

  /** For executors: requests that are chosen, sent, counted and settled in one place. */
  get requests(): RequestTable {
    return this.#requests
  }

  /**
   * Resolves when it listens. A start that failed may be tried again; one that comes during a stop follows it.
   *
   * @throws {SystemError} `UNAVAILABLE` when the port is taken or `ws` is not installed; `VALIDATION` when it would serve
   * others than this machine without a token, on a server of yours.
   */
  start(): Promise<void> {
    return this.#turns.take(() => this.#start())
  }

  /**
   * Closes every socket and stops to listen; resolves when all is closed. May be called again, and before a start.
   *
   * @throws {SystemError} `VALIDATION` for a `timeout` that is none; nothing is stopped then.
   */
  async stop({ drain = false, timeout = '30s' }: StopOptions = {}): Promise<void> {
    const timeoutMs = toMs(timeout)
    // A second stop that does not want to wait ends the draining of the first.
    if (!drain && this.#state === 'draining') this.#quiet.give()
    return this.#turns.take(() => this.#stop(drain, timeoutMs))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  onWorkerConnected(handler: WorkerConnectedHandler): () => void {
    return this.#onConnected.add(handler)
  }

  /** With the ids of the requests that the worker had in hand, once per worker that leaves. */
  onWorkerDisconnected(handler: WorkerDisconnectedHandler): () => void {
    return this.#onDisconnected.add(handler)
  }

  /** Messages of a type that is not the protocol's own, from workers that are registered. */
  onWorkerMessage(type: string, handler: WorkerMessageHandler): () => void {
    return this.#router.on(type, handler)
  }

  /**
   * @returns whether it was handed to an open socket of a worker that reads.
   * @throws {SystemError} `VALIDATION` for what is no object, or cannot be JSON.
   */
  send(workerId: string, message: Readonly<Record<string, unknown>>): boolean {
    const text = toText(message)
    return this.#sessions.connectionOf(workerId)?.send(text) ?? false
  }

  /** Sends to every worker that is registered. @returns to how many. */
  broadcast(message: Readonly<Record<string, unknown>>): number {
    const text = toText(message)
    const isSent = (workerId: string) => this.#sessions.connectionOf(workerId)?.send(text) ?? false
    return this.#sessions.workerIds().filter(isSent).length
  }

  /**
   * Chooses a worker, sends it the message with its `requestId` and counts the request, in one step.
   *
   * @returns who has it and how it ends; `undefined` when nobody is free.
   */
  dispatch(options: DispatchOptions): DispatchedRequest | undefined {
    return this.#state === 'running' ? dispatchRequest(this.#requests, options) : undefined
  }

  getAvailableWorker(model: string, category?: string): WorkerInfo | undefined {
    return this.#pool.getAvailableWorker(model, category)
  }

  getAnyAvailableWorker(): WorkerInfo | undefined {
    return this.#pool.getAnyAvailableWorker()
  }

  getAvailableSlotCount(model: string, category?: string): number {
    return this.#pool.getAvailableSlotCount(model, category)
  }

  getWorkerCount(): number {
    return this.#pool.getWorkerCount()
  }

  getAvailableWorkerCount(): number {
    return this.#pool.getAvailableWorkerCount()
  }

  getWorkerInfo(): readonly WorkerInfo[] {
    return this.#pool.getWorkerInfo()
  }

  /** Whether any worker, free or not, has announced a task. */
  hasTask(task: string): boolean {
    return this.#pool.hasTask(task)
  }

  /** Counts a request that was sent by hand. @returns `false` for an unknown worker, or a request of another one. */
  trackRequest(workerId: string, requestId: string, category?: string): boolean {
    return this.#pool.trackRequest(workerId, requestId, category)
  }

  /** Gives the slot of a request back; one that is not known is ignored. */
  releaseRequest(requestId: string, options: { readonly incrementCompleted?: boolean } = {}): void {
    this.#requests.release(requestId, options)
  }

  /** Gives a worker nothing more and asks it, by protocol 2, to leave when it has finished. @returns whether it is known. */
  drainWorker(workerId: string): boolean {
    if (!this.#pool.drain(workerId)) return false
    this.#sessions.askToDrain(workerId)
    return true
  }

  /**
   * Puts other tokens in the place of all present ones. What is no longer among them holds for `overlap`, then the sockets
   * that came in by it are closed.
   *
   * @throws {SystemError} `VALIDATION` for an empty token, or when none is left on an address that needs one.
   */
  setTokens(tokens: readonly WorkerToken[], { overlap = 0 }: { readonly overlap?: Duration } = {}): void {
    readServerOptions({ ...this.#settings, resumeWindow: 0, tokens })
    const overlapMs = toMs(overlap)
    if (tokens.length === 0 && !this.#settings.allowUnauthenticated) this.#front.assertLocal()
    this.#tokens.replace(tokens, overlapMs)
    this.#sessions.checkGrants()
    this.#health.checkGrantsIn(overlapMs)
  }

  /** Handlers are asked in order; the first that answers `true` ends it, and none is a 404. */
  addHttpHandler(handler: HttpHandler): () => void {
    return this.#front.addHandler(handler)
  }

  /** Serves sockets at a path of their own; they have nothing to do with workers, and end with the server. */
  addWebSocketEndpoint(path: string, endpoint: WebSocketEndpoint): () => void {
    return this.#front.addEndpoint(path, endpoint)
  }

  /** What a load balancer asks for, again and again: cheap, however many workers and requests there are. */
  health(): ServerHealth {
    const now = this.#settings.clock.now()
    const uptimeMs = Math.max(0, now - (this.#startedAt ?? now))
    return { state: this.#state, workersByStatus: this.#pool.countByStatus(), uptimeMs }
  }

  /** What there is to see at this instant, without secrets. */
  status(): ServerStatus {
    return describeServer({
      state: this.#state,
      port: this.port,
      startedAt: this.#startedAt,
      now: this.#settings.clock.now(),
      steadyNow: this.#time.now(),
      workers: this.#pool.getWorkerInfo(),
      activeRequests: this.#pool.activeRequests,
      connections: this.#connections.size,
      unregistered: this.#unregistered(),
      counters: this.#counters,
      sources: [...this.#sources],
    })
  }

  /** Adds what an executor has queued to the status. @returns what takes it out again. */
  addWorkSource(source: WorkSource): () => void {
    this.#sources.add(source)
    return () => void this.#sources.delete(source)
  }

  async #start(): Promise<void> {
    if (this.#state === 'running') return
    this.#state = 'starting'
    try {
      await this.#front.listen()
    } catch (error) {
      this.#state = 'stopped'
      throw error
    }
    this.#startedAt = this.#settings.clock.now()
    this.#state = 'running'
    this.#health.start()
  }

  async #stop(drain: boolean, timeoutMs: number): Promise<void> {
    if (this.#state === 'stopped') return
    const { clock } = this.#settings
    if (drain) {
      this.#state = 'draining'
      const timer = clock.setTimeout(() => this.#quiet.give(), timeoutMs)
      await this.#quiet.until(() => this.#pool.activeRequests === 0 && this.#queued() === 0)
      clock.clearTimeout(timer)
    }
    this.#state = 'stopping'
    this.#front.refuseAll()
    this.#health.stop()
    for (const source of this.#sources) source.stop()
    for (const workerId of this.#sessions.workerIds()) this.#sessions.end(workerId, 'stopping', 'stopping')
    for (const connection of this.#connections) connection.close('stopping')
    await this.#quiet.until(() => this.#connections.size === 0)
    await this.#front.close()
    this.#state = 'stopped'
    this.#startedAt = undefined
  }

  #queued(): number {
    return [...this.#sources].reduce((sum, source) => sum + source.status().queued, 0)
  }

  #open(socket: WebSocket, stream: Duplex, request: IncomingMessage): void {
    this.#counters.connections++
    this.#connections.add(new Connection(this.#host, socket, stream, request.socket.remoteAddress ?? ''))
  }

  #unregistered(): number {
    return this.#connections.size - this.#sessions.connectedCount
  }

  #told({ worker, pendingRequestIds }: RemovedWorker): void {
    this.#onDisconnected.call(worker, pendingRequestIds)
    this.#quiet.check()
  }
}
