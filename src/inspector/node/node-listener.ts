import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import type { ReadableStream as NodeReadableStream } from 'node:stream/web'

export type NodeListener = (request: IncomingMessage, response: ServerResponse) => void

/** A handler of Web-standard requests as what `node:http` calls. */
export function toNodeListener(handler: (request: Request) => Promise<Response>): NodeListener {
  return (incoming, outgoing) => {
    const controller = new AbortController()
    outgoing.once('close', () => controller.abort())
    handle(handler, incoming, outgoing, controller.signal).catch(() => {
      // The reader is gone, or the request cannot be made out: there is nobody to tell.
      if (!outgoing.headersSent) outgoing.writeHead(400)
      outgoing.end()
    })
  }
}

async function handle(
  handler: (request: Request) => Promise<Response>,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  const response = await handler(toRequest(incoming, signal))
  // Gone while it was asked: nothing would tell the body, which may be a stream without an end.
  if (outgoing.destroyed) return response.body?.cancel()
  outgoing.writeHead(response.status, Object.fromEntries(response.headers))
  if (!response.body) {
    outgoing.end()
    return
  }
  outgoing.flushHeaders()
  const body = Readable.fromWeb(response.body as NodeReadableStream)
  outgoing.once('close', () => body.destroy())
  for await (const chunk of body) {
    if (!outgoing.write(chunk)) await drained(outgoing)
    if (outgoing.destroyed) return
  }
  outgoing.end()
}

/** A name or an address, with a port or without. */
const HOST = /^([\w.-]+|\[[\da-f:.]+\])(:\d+)?$/i

function toRequest(incoming: IncomingMessage, signal: AbortSignal): Request {
  const { method = 'GET', headers, url = '/' } = incoming
  const { host = 'localhost' } = headers
  // An empty one would make a host of the first part of the path, and who may look depends on the host.
  if (!HOST.test(host)) throw new TypeError(`"${host}" is no host`)
  const target = new URL(url.startsWith('/') ? `http://${host}${url}` : url)
  const hasBody = method !== 'GET' && method !== 'HEAD'
  const fields = Object.entries(headers).filter(
    (each): each is [string, string] => typeof each[1] === 'string',
  )
  return new Request(target, {
    method,
    headers: fields,
    signal,
    ...(hasBody ? { body: Readable.toWeb(incoming) as ReadableStream, duplex: 'half' } : {}),
  })
}

function drained(outgoing: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      outgoing.off('drain', done).off('close', done)
      resolve()
    }
    outgoing.once('drain', done).once('close', done)
  })
}
