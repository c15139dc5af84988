import { once } from 'node:events'
import { WebSocket } from 'ws'
import type { WorkerServer } from 'busline/remote'

/** A client written by hand, as those that were there before: what it sends and what it gets, frame by frame. */
export interface RawClient {
  readonly socket: WebSocket
  readonly messages: Record<string, unknown>[]
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>
  /** A string goes as it is, anything else as JSON. */
  send(message: unknown): void
  /** The next message that fits, also one that is here already; each is given once. */
  next(type: string): Promise<Record<string, unknown>>
  close(): Promise<void>
}

export const MODEL = {
  modelId: 'llama-3-8b',
  displayName: 'Llama',
  maxContextTokens: 8192,
  maxOutputTokens: 2048,
  supportsStreaming: true,
}

/** What a client of the reference sends first. */
export function registration(workerId: string, more: Record<string, unknown> = {}, capabilities = {}) {
  return {
    type: 'worker_registration',
    workerId,
    workerName: `Worker ${workerId}`,
    capabilities: { models: [MODEL], maxConcurrentRequests: 2, ...capabilities },
    ...more,
  }
}

export function urlOf(server: WorkerServer, path = '/'): string {
  return `ws://127.0.0.1:${server.port}${path}`
}

export async function connectRaw(url: string, options: object = {}): Promise<RawClient> {
  const socket = new WebSocket(url, options)
  const messages: Record<string, unknown>[] = []
  const waiting = new Set<() => void>()
  let taken = 0
  const unread = new Map<Record<string, unknown>, boolean>()
  socket.on('message', (data: Buffer) => {
    // A frame has one message a line, where that was agreed on.
    for (const line of data.toString('utf8').split('\n')) {
      const message = JSON.parse(line) as Record<string, unknown>
      messages.push(message)
      unread.set(message, true)
    }
    for (const look of [...waiting]) look()
  })
  socket.on('error', () => undefined)
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.on('close', (code, reason) => {
      resolve({ code, reason: reason.toString('utf8') })
      for (const look of [...waiting]) look()
    })
  })
  await once(socket, 'open')
  return {
    socket,
    messages,
    closed,
    send: (message) => socket.send(typeof message === 'string' ? message : JSON.stringify(message)),
    next: (type) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const found = [...unread.keys()].find((message) => message['type'] === type)
          if (found) {
            unread.delete(found)
            taken++
            waiting.delete(look)
            resolve(found)
          } else if (socket.readyState === socket.CLOSED) {
            waiting.delete(look)
            reject(new Error(`The socket closed before a message "${type}" came, after ${taken}`))
          }
        }
        waiting.add(look)
        look()
      }),
    close: async () => {
      socket.terminate()
      await closed
    },
  }
}

/** Connects and registers; resolves to the client and what it was answered. */
export async function registerRaw(
  server: WorkerServer,
  workerId: string,
  more: Record<string, unknown> = {},
  capabilities = {},
) {
  const client = await connectRaw(urlOf(server))
  client.send(registration(workerId, more, capabilities))
  const ack = await client.next('worker_registration_ack')
  return { ...client, ack }
}

/** Waits until something is so: sockets tell the other side in their own time. */
export async function until(isSo: () => boolean, what: string): Promise<void> {
  const deadline = Date.now() + 15_000
  while (!isSo()) {
    if (Date.now() > deadline) throw new Error(`Waited too long until ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}
