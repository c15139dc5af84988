import type * as Ws from 'ws'
import { SystemError } from '../../core/system-error.js'
import { isUnseen } from './is-unseen.js'

/** A socket as the worker uses it, whoever made it. */
export interface WorkerSocket {
  send(text: string): void
  close(code: number, reason: string): void
  /** Cuts it, where the host can; else closes it. */
  terminate(): void
}

/** What the socket tells. After `onClose` nothing. */
export interface SocketEvents {
  onOpen(): void
  onMessage(text: string): void
  onClose(code: number, reason: string): void
}

/** What of the standard's `WebSocket` is used; pass one to bring your own. */
export interface WebSocketLike {
  readonly readyState: number
  send(data: string): void
  close(code?: number, reason?: string): void
  addEventListener(type: string, listener: (event: object) => void): void
}

export interface SocketOptions {
  readonly url: string
  readonly WebSocket?: (new (url: string) => WebSocketLike) | undefined
  /** For `ws`: `ca`, `headers` and the like. */
  readonly socketOptions?: Readonly<Record<string, unknown>> | undefined
  readonly maxMessageBytes: number
}

/**
 * Opens a socket: with the class that was given; in Node with `ws` if it is installed, because it can be cut; else with
 * the host's own.
 *
 * @throws {SystemError} `UNAVAILABLE` when there is no WebSocket at all.
 */
export async function openSocket(options: SocketOptions, events: SocketEvents): Promise<WorkerSocket> {
  const { url, WebSocket: Given } = options
  if (Given) return wrapStandard(new Given(url), events)
  const ws = await importWs()
  if (ws) return openWs(ws, options, events)
  if (typeof WebSocket === 'undefined') {
    throw new SystemError(
      'UNAVAILABLE',
      'Cannot connect: there is no WebSocket here; install "ws" (npm install ws)',
    )
  }
  return wrapStandard(new WebSocket(url), events)
}

/** Not a literal: a bundler for browsers must not look for it. */
const WS = 'ws'

async function importWs(): Promise<typeof Ws | undefined> {
  if (typeof process === 'undefined' || !process.versions?.node) return undefined
  try {
    return (await import(/* @vite-ignore */ WS)) as typeof Ws
  } catch {
    return undefined
  }
}

function openWs(
  { WebSocket: Socket }: typeof Ws,
  { url, socketOptions, maxMessageBytes }: SocketOptions,
  events: SocketEvents,
): WorkerSocket {
  const socket = new Socket(url, {
    perMessageDeflate: false,
    maxPayload: maxMessageBytes,
    handshakeTimeout: 10_000,
    ...(isUnseen(url) ? { generateMask: maskNothing } : {}),
    ...socketOptions,
  })
  socket.on('open', () => events.onOpen())
  socket.on('message', (data: Buffer) => events.onMessage(data.toString('utf8')))
  socket.on('close', (code, reason) => events.onClose(code, reason.toString('utf8')))
  // Told again as a close.
  socket.on('error', () => undefined)
  return {
    send: (text) => {
      if (socket.readyState === socket.OPEN) socket.send(text)
    },
    close: (code, reason) => socket.close(code, reason),
    terminate: () => socket.terminate(),
  }
}

/** A mask of zeros changes nothing, and `ws` passes over it on both sides; for the protocol it is a mask as any other. */
function maskNothing(mask: Uint8Array): void {
  mask.fill(0)
}

function wrapStandard(socket: WebSocketLike, events: SocketEvents): WorkerSocket {
  let isClosed = false
  const closed = (code: number, reason: string) => {
    if (isClosed) return
    isClosed = true
    events.onClose(code, reason)
  }
  socket.addEventListener('open', () => events.onOpen())
  socket.addEventListener('message', (event) => {
    const { data } = event as { readonly data?: unknown }
    if (typeof data === 'string' && !isClosed) events.onMessage(data)
  })
  socket.addEventListener('close', (event) => {
    const { code = CUT, reason = '' } = event as { readonly code?: number; readonly reason?: string }
    closed(code, reason)
  })
  socket.addEventListener('error', () => undefined)
  return {
    send: (text) => {
      if (socket.readyState === OPEN) socket.send(text)
    },
    close: (code, reason) => socket.close(code, reason),
    terminate: () => {
      // The standard knows no cut: closing waits for a peer that may be gone, so the end is told now.
      socket.close()
      closed(CUT, '')
    },
  }
}

const OPEN = 1
/** The code of a connection that ended without one. */
const CUT = 1006
