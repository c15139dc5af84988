import { type IncomingMessage, STATUS_CODES, type ServerResponse, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import type { WebSocket, WebSocketServer } from 'ws'
import { isThenable } from '../../core/is-thenable.js'
import type { Logger } from '../../core/logger.js'
import { SystemError, serializeError } from '../../core/system-error.js'
import { isLoopback } from '../protocol/is-loopback.js'
import { importWs } from './import-ws.js'
import type { ServerSettings } from './server-options.js'

/** Answers a request, or says that it is not for it. */
export type HttpHandler = (request: IncomingMessage, response: ServerResponse) => Promise<boolean> | boolean

/** Takes over a socket that was opened at a path of its own. */
export type WebSocketEndpoint = (socket: WebSocket, request: IncomingMessage) => unknown

/** What the front needs of the server. */
export interface FrontHost {
  readonly settings: ServerSettings
  /** @returns the status of the refusal, or `undefined` to let it in. */
  refuseWorker(): number | undefined
  refused(): void
  /** Whether everybody who reaches it is let in without having been asked for. */
  isOpenToAll(): boolean
  worker(socket: WebSocket, stream: Duplex, request: IncomingMessage): void
}

/** How long a peer may take to answer the closing of a socket, milliseconds. */
const CLOSE_TIMEOUT_MS = 2_000

/** The HTTP side: listens, answers requests, and lets sockets in at the paths there are. */
export class HttpFront {
  readonly #host: FrontHost
  readonly #logger: Logger
  readonly #handlers: HttpHandler[] = []
  readonly #endpoints = new Map<string, WebSocketEndpoint>()
  /** Sockets of endpoints, which end with the server. */
  readonly #sockets = new Set<WebSocket>()
  #http: ReturnType<typeof createServer> | undefined
  #upgrades: WebSocketServer | undefined
  /** Whether the HTTP server listens because of us, and ends with us. */
  #isOurs = false
  #isRefusing = false

  constructor(host: FrontHost) {
    this.#host = host
    this.#logger = host.settings.logger
  }

  get port(): number | undefined {
    return (this.#http?.address() as AddressInfo | null | undefined)?.port
  }

  addHandler(handler: HttpHandler): () => void {
    this.#handlers.push(handler)
    return () => {
      const index = this.#handlers.indexOf(handler)
      if (index >= 0) this.#handlers.splice(index, 1)
    }
  }

  /** @throws {SystemError} `DUPLICATE_KEY` when the path is taken, `VALIDATION` for one that no request can have. */
  addEndpoint(path: string, endpoint: WebSocketEndpoint): () => void {
    if (typeof path !== 'string' || !/^\/[^?#]*$/.test(path)) {
      const message = `Cannot add a WebSocket endpoint at ${JSON.stringify(path)}: it must begin with "/", without "?" or "#"`
      throw new SystemError('VALIDATION', message, { context: { path } })
    }
    if (path === this.#host.settings.path || this.#endpoints.has(path)) {
      throw new SystemError(
        'DUPLICATE_KEY',
        `Cannot add a WebSocket endpoint at "${path}": the path is taken`,
        {
          context: { path },
        },
      )
    }
    this.#endpoints.set(path, endpoint)
    return () => void this.#endpoints.delete(path)
  }

  async listen(): Promise<void> {
    const { server, port, host, maxMessageBytes, registrationTimeoutMs } = this.#host.settings
    const { WebSocketServer } = await importWs()
    const options = { noServer: true, clientTracking: false, perMessageDeflate: false } as const
    const limits = { maxPayload: maxMessageBytes, closeTimeout: CLOSE_TIMEOUT_MS }
    const connectionsCheckingInterval = Math.ceil(Math.min(registrationTimeoutMs, 30_000))
    const http = server ?? createServer({ connectionsCheckingInterval })
    if (!server) http.headersTimeout = registrationTimeoutMs
    this.#isOurs = !http.listening
    if (this.#host.isOpenToAll()) assertLocal(http)
    this.#upgrades = new WebSocketServer({ ...options, ...limits })
    this.#isRefusing = false
    try {
      if (this.#isOurs) await listen(http, port, host)
    } catch (cause) {
      this.#upgrades = undefined
      const reason = (cause as Error).message
      throw new SystemError('UNAVAILABLE', `Cannot listen on ${host}:${port}: ${reason}`, {
        cause,
        context: { host, port },
      })
    }
    this.#http = http
    http.on('request', this.#onRequest)
    http.on('upgrade', this.#onUpgrade)
    http.on('error', this.#onError)
  }

  /** @throws {SystemError} `VALIDATION` when it listens for others than this machine. */
  assertLocal(): void {
    if (this.#http) assertLocal(this.#http)
  }

  /** Takes nobody in any more. Sockets that are open stay open. */
  refuseAll(): void {
    this.#isRefusing = true
  }

  /** Closes the sockets of endpoints, then the HTTP server if it listens because of us. */
  async close(): Promise<void> {
    const http = this.#http
    if (!http) return
    this.#http = undefined
    http.off('request', this.#onRequest)
    http.off('upgrade', this.#onUpgrade)
    http.off('error', this.#onError)
    const ended = [...this.#sockets].map((socket) => {
      socket.close(1001, 'Server stopping')
      return new Promise((resolve) => socket.once('close', resolve))
    })
    await Promise.all(ended)
    if (!this.#isOurs) return
    await new Promise<void>((resolve) => {
      http.close(() => resolve())
      http.closeAllConnections()
    })
  }

  readonly #onError = (error: Error): void => {
    this.#logger.error('The HTTP server failed', { error: serializeError(error) })
  }

  readonly #onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    void this.#answer(request, response)
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      for (const handler of [...this.#handlers]) if (await handler(request, response)) return
      // On a server that others listen to as well, what is not ours may be theirs.
      if ((this.#http?.listenerCount('request') ?? 1) > 1 || response.headersSent) return
      response.writeHead(404, { 'content-type': 'text/plain' }).end('Not found\n')
    } catch (error) {
      this.#logger.error('An HTTP handler failed', { error: serializeError(error) })
      if (!response.headersSent) response.writeHead(500, { 'content-type': 'text/plain' })
      if (!response.writableEnded) response.end('Internal error\n')
    }
  }

  readonly #onUpgrade = (request: IncomingMessage, stream: Duplex, head: Buffer): void => {
    // The socket may fail before it is one of ours.
    stream.on('error', () => stream.destroy())
    const path = pathOf(request)
    const endpoint = path === undefined ? undefined : this.#endpoints.get(path)
    const isWorker = path === this.#host.settings.path
    // Another listener of a shared server may know the path.
    if (!endpoint && !isWorker && (this.#http?.listenerCount('upgrade') ?? 1) > 1) return
    const status = this.#refusal(request, path, endpoint !== undefined, isWorker)
    if (status !== undefined) {
      this.#host.refused()
      return refuse(stream, status)
    }
    this.#upgrades!.handleUpgrade(request, stream, head, (socket) => {
      if (endpoint) this.#serve(endpoint, socket, request)
      else this.#host.worker(socket, stream, request)
    })
  }

  #refusal(request: IncomingMessage, path: string | undefined, isEndpoint: boolean, isWorker: boolean) {
    if (path === undefined) return 400
    if (!isEndpoint && !isWorker) return 404
    if (this.#isRefusing) return 503
    if (!this.#isOriginAllowed(request)) return 403
    return isWorker ? this.#host.refuseWorker() : undefined
  }

  #isOriginAllowed({ headers: { origin, host } }: IncomingMessage): boolean {
    const { allowedOrigins } = this.#host.settings
    if (origin === undefined || allowedOrigins === '*' || allowedOrigins.includes(origin)) return true
    // Its own pages, by names that cannot mean another machine: others could be made to resolve to this one.
    return (
      host !== undefined && LOCAL.test(host) && (origin === `http://${host}` || origin === `https://${host}`)
    )
  }

  #serve(endpoint: WebSocketEndpoint, socket: WebSocket, request: IncomingMessage): void {
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
    socket.on('error', (error) => this.#logger.warn('A WebSocket failed', { error: serializeError(error) }))
    const fail = (error: unknown) => {
      this.#logger.error('A WebSocket endpoint failed', { error: serializeError(error) })
      socket.close(1011, 'Internal error')
    }
    try {
      // At once: the first message may be here already.
      const result = endpoint(socket, request)
      if (isThenable(result)) result.then(undefined, fail)
    } catch (error) {
      fail(error)
    }
  }
}

/** Names that mean this machine, with any port. */
const LOCAL = /^(localhost|[\w-]+\.localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/

function listen(http: ReturnType<typeof createServer>, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    http.once('error', reject)
    http.listen(port, host, () => {
      http.off('error', reject)
      resolve()
    })
  })
}

/** A server of the application listens where it wants: nobody may be let in from afar because of that. */
function assertLocal(http: ReturnType<typeof createServer>): void {
  const address = http.address()
  if (typeof address !== 'object' || address === null || isLoopback(address.address)) return
  throw new SystemError(
    'VALIDATION',
    `Cannot serve workers on ${address.address} without a token: set "authToken"; "allowUnauthenticated" lets everybody in`,
    { context: { host: address.address, port: address.port } },
  )
}

function pathOf({ url = '/' }: IncomingMessage): string | undefined {
  try {
    return new URL(url, 'http://server').pathname
  } catch {
    return undefined
  }
}

function refuse(stream: Duplex, status: number): void {
  stream.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
  stream.once('finish', () => stream.destroy())
}
