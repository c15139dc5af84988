import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { WorkerServer } from 'busline/remote'
import { simulatedClock } from 'busline/testing'
import { openServer } from '../open-server.js'
import { quietLogger } from '../quiet-logger.js'
import { connectRaw, registerRaw, registration, urlOf } from '../raw-client.js'

describe('start() and stop() of a server', () => {
  it('take effect in the order in which they were asked for: the last one holds', async () => {
    const server = await openServer()
    const stopped = server.stop()
    await server.start()
    await stopped
    expect(server.state).toBe('running')
    expect((await registerRaw(server, 'w-1')).ack).toMatchObject({ success: true })

    void server.stop()
    void server.start()
    await server.stop()
    expect(server.state).toBe('stopped')

    void server.start()
    void server.stop()
    await server.start()
    expect(server.state).toBe('running')
  })

  it('a stop with a timeout that is none is refused, and the server goes on', async () => {
    const server = await openServer()
    const worker = await registerRaw(server, 'w-1')
    await expect(server.stop({ drain: true, timeout: 'soon' as never })).rejects.toMatchObject({
      code: 'VALIDATION',
    })
    expect(server.state).toBe('running')
    worker.send({ type: 'heartbeat', workerId: 'w-1', timestamp: 'now' })
    await worker.next('heartbeat_ack')
  })

  it('a stop leaves no timer of tokens behind, and what was replaced ends all the same after the next start', async () => {
    const clock = simulatedClock()
    const server = await openServer({ authToken: 'old', clock })
    const timers = clock.pendingTimers
    server.setTokens([{ token: 'new' }], { overlap: '1m' })
    await server.stop()
    expect(clock.pendingTimers).toBeLessThan(timers)

    await server.start()
    const late = await registerRaw(server, 'w-1', { authToken: 'old' })
    expect(late.ack).toMatchObject({ success: true })
    await clock.advance('70s')
    expect(await late.closed).toEqual({ code: 4001, reason: 'Authentication token revoked' })
  })

  it('a stop does not end sockets that others serve on the same HTTP server', async () => {
    const http = createServer()
    const others = new WebSocketServer({ noServer: true })
    http.listen(0, '127.0.0.1')
    await once(http, 'listening')
    onTestFinished(() => void http.close())
    const { port } = http.address() as AddressInfo
    const server = new WorkerServer({ server: http, path: '/workers', logger: quietLogger() })
    await server.start()
    http.on('upgrade', (request, stream, head) => {
      if (request.url !== '/other') return
      others.handleUpgrade(request, stream, head, (socket) =>
        socket.on('message', (data) => socket.send(data)),
      )
    })
    // A peer that does not answer the closing holds the stop up for a while.
    const silent = await connectRaw(urlOf(server, '/workers'))
    silent.send(registration('w-1'))
    await silent.next('worker_registration_ack')
    silent.socket.pause()
    const stopping = server.stop()
    while (server.state !== 'stopping') await new Promise(setImmediate)

    const other = new WebSocket(`ws://127.0.0.1:${port}/other`)
    await once(other, 'open')
    other.send('still there?')
    const [answer] = (await once(other, 'message')) as [Buffer]
    expect(answer.toString()).toBe('still there?')
    const refused = new WebSocket(`ws://127.0.0.1:${port}/workers`)
    const [error] = (await once(refused, 'error')) as [Error]
    expect(error.message).toContain('503')
    other.terminate()
    silent.socket.terminate()
    await stopping
  })
})
