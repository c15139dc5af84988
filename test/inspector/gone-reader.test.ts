import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { toNodeListener } from '../../src/inspector/node/index.js'

describe('toNodeListener()', () => {
  it('cancels an answer without an end whose reader went away before it was there', async () => {
    let asked: (signal: AbortSignal) => void
    let answer: (response: Response) => void
    const hasAsked = new Promise<AbortSignal>((resolve) => (asked = resolve))
    const hasAnswer = new Promise<Response>((resolve) => (answer = resolve))
    const listener = toNodeListener((each) => {
      asked(each.signal)
      return hasAnswer
    })
    const server = createServer(listener)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const client = request({ host: '127.0.0.1', port, path: '/api/live' })
    client.on('error', () => {})
    client.end()
    const signal = await hasAsked
    const gone = once(signal, 'abort')
    client.destroy()
    await gone
    const isCancelled = new Promise<void>((cancel) => {
      // Something to send, again and again: what is written to nobody must not be waited for.
      const pull = (controller: ReadableStreamDefaultController) =>
        controller.enqueue(new Uint8Array(100_000))
      answer(new Response(new ReadableStream({ pull, cancel: () => cancel() })))
    })
    await isCancelled
    expect(signal.aborted).toBe(true)
    server.close()
  })
})
