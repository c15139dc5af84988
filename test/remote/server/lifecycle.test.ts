import { once } from 'node:events'
import { createServer } from 'node:http'
import { describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { WorkerServer, healthHandler, metricsHandler, remoteExecutor, statusHandler } from 'busline/remote'
import { openServer } from '../open-server.js'
import { quietLogger } from '../quiet-logger.js'
import { connectRaw, registerRaw, registration, until, urlOf } from '../raw-client.js'

const get = (server: WorkerServer, path: string, init?: RequestInit) =>
  fetch(`http://127.0.0.1:${server.port}${path}`, init)

describe('start()', () => {
  it('resolves when it listens, tells the real port, and may be called again', async () => {
    const server = await openServer()
    expect(server.port).toBeGreaterThan(0)
    await server.start()
    expect(server.state).toBe('running')
  })

  it('rejects on a taken port, and can be tried again', async () => {
    const first = await openServer()
    const second = new WorkerServer({ port: first.port!, logger: quietLogger() })
    await expect(second.start()).rejects.toMatchObject({ code: 'UNAVAILABLE', context: { port: first.port } })
    expect(second.state).toBe('stopped')
    await first.stop()
    await second.start()
    expect((await registerRaw(second, 'w-1')).ack).toMatchObject({ success: true })
    await second.stop()
  })

  it('serves on a server of the application beside what that serves, and leaves it open', async () => {
    const http = createServer((request, response) => {
      if (request.url === '/app') response.end('the application')
    })
    http.listen(0, '127.0.0.1')
    await once(http, 'listening')
    const server = new WorkerServer({ server: http, path: '/workers', logger: quietLogger() })
    server.addHttpHandler(healthHandler(server))
    await server.start()
    expect(await (await get(server, '/app')).text()).toBe('the application')
    expect((await get(server, '/health')).status).toBe(200)
    const client = await connectRaw(urlOf(server, '/workers'))
    client.send(registration('w-1'))
    await client.next('worker_registration_ack')
    await server.stop()
    expect(http.listening).toBe(true)
    await new Promise((resolve) => http.close(resolve))
  })
})

describe('stop()', () => {
  it('closes workers, strangers, endpoints and requests under way with 1001, and gives requests back', async () => {
    const server = await openServer()
    server.addWebSocketEndpoint('/dashboard', (socket) => socket.send('hello'))
    server.addHttpHandler((request) => (request.url === '/slow' ? new Promise(() => {}) : false))
    const lost: unknown[] = []
    server.onWorkerDisconnected(({ id }, ids) => lost.push([id, [...ids]]))
    const worker = await registerRaw(server, 'w-1')
    const resumable = await registerRaw(server, 'w-2', { protocol: 2 })
    server.trackRequest('w-1', 'r-1')
    server.trackRequest('w-2', 'r-2')
    const stranger = await connectRaw(urlOf(server))
    const dashboard = new WebSocket(urlOf(server, '/dashboard'))
    await once(dashboard, 'message')
    const slow = get(server, '/slow').catch(() => 'cut')
    await server.stop()
    for (const client of [worker, resumable, stranger])
      expect(await client.closed).toMatchObject({ code: 1001 })
    expect(await slow).toBe('cut')
    expect(lost).toEqual([
      ['w-1', ['r-1']],
      ['w-2', ['r-2']],
    ])
    expect(server.port).toBeUndefined()
    await server.stop()
  })

  it('can be followed by start(), endpoints and handlers included', async () => {
    const server = await openServer()
    server.addWebSocketEndpoint('/dashboard', (socket) => socket.send('hello'))
    server.addHttpHandler(healthHandler(server))
    for (let round = 0; round < 3; round++) {
      await registerRaw(server, 'w-1')
      const dashboard = new WebSocket(urlOf(server, '/dashboard'))
      expect(String((await once(dashboard, 'message'))[0])).toBe('hello')
      expect((await get(server, '/health')).status).toBe(200)
      await server.stop()
      expect(server.getWorkerCount()).toBe(0)
      await server.start()
    }
  })

  it('ends also when peers do not answer, and when it comes in the middle of everything', async () => {
    const server = await openServer()
    const clients = await Promise.all(Array.from({ length: 10 }, (_, n) => registerRaw(server, `w-${n}`)))
    for (const client of clients.slice(0, 5)) client.socket.pause()
    const late = Array.from({ length: 20 }, () => connectRaw(urlOf(server)).catch(() => undefined))
    for (const client of clients)
      for (let n = 0; n < 50; n++) client.send({ type: 'heartbeat', workerId: 'x', timestamp: '' })
    const results = Array.from({ length: 5 }, () => server.dispatch({ message: { type: 'work' } }))
    await Promise.all([server.stop(), server.stop({ drain: true, timeout: 10 }), server.stop()])
    expect(server.state).toBe('stopped')
    expect(server.status()).toMatchObject({ connections: 0, activeRequests: 0 })
    for (const sent of results) if (sent) expect(await sent.settled).toBe('lost')
    for (const client of await Promise.all(late)) await client?.close()
  })

  it('with drain lets requests end first, and takes no more', async () => {
    const server = await openServer()
    const executor = remoteExecutor(server)
    const client = await registerRaw(server, 'w-1')
    const sent = server.dispatch({ message: { type: 'work' } })!
    const stopped = server.stop({ drain: true, timeout: '1h' })
    await until(() => server.state === 'draining', 'it drains')
    expect(server.dispatch({ message: { type: 'work' } })).toBeUndefined()
    const stranger = await connectRaw(urlOf(server))
    stranger.send(registration('w-2'))
    expect(await stranger.next('worker_registration_ack')).toMatchObject({ success: false })
    expect(client.socket.readyState).toBe(WebSocket.OPEN)
    server.releaseRequest(sent.requestId)
    await stopped
    expect(await sent.settled).toBe('released')
    expect(await client.closed).toMatchObject({ code: 1001 })
    await executor.close()
  })

  it('with drain waits no longer than it may', async () => {
    const server = await openServer()
    await registerRaw(server, 'w-1')
    const sent = server.dispatch({ message: { type: 'work' } })!
    await server.stop({ drain: true, timeout: 20 })
    expect(await sent.settled).toBe('lost')
  })
})

describe('addHttpHandler()', () => {
  it('asks handlers in order; none is a 404, a throw a 500 without its message', async () => {
    const logger = quietLogger()
    const server = await openServer({ logger })
    server.addHttpHandler(async ({ url }, response) => {
      if (url !== '/a') return false
      response.end('first')
      return true
    })
    server.addHttpHandler(({ url }, response) => {
      if (url === '/throw') throw new Error('the secret')
      if (url === '/half') {
        response.end('half')
        throw new Error('too late')
      }
      return false
    })
    expect(await (await get(server, '/a')).text()).toBe('first')
    expect((await get(server, '/b')).status).toBe(404)
    const failed = await get(server, '/throw')
    expect([failed.status, await failed.text()]).toEqual([500, 'Internal error\n'])
    expect(await (await get(server, '/half')).text()).toBe('half')
    expect(logger.lines).toContain('error: An HTTP handler failed')
  })
})

describe('addWebSocketEndpoint()', () => {
  it('serves its path, which is not for workers; unknown paths are refused at the upgrade', async () => {
    const server = await openServer()
    server.addWebSocketEndpoint('/echo', (socket) => {
      socket.on('message', (data: Buffer) => socket.send(data.toString('utf8')))
    })
    const client = await connectRaw(urlOf(server, '/echo?x=1'))
    client.send(registration('w-1'))
    expect(await client.next('worker_registration')).toMatchObject({ workerId: 'w-1' })
    expect(server.getWorkerCount()).toBe(0)
    await expect(connectRaw(urlOf(server, '/nowhere'))).rejects.toThrow('404')
    expect(() => server.addWebSocketEndpoint('/echo', () => {})).toThrow(/taken/)
    expect(() => server.addWebSocketEndpoint('/', () => {})).toThrow(/taken/)
  })

  it.each(['dashboard', '', '/dashboard?all', 5])(
    'refuses a path that no request can have: %j',
    async (path) => {
      const server = await openServer()
      expect(() => server.addWebSocketEndpoint(path as string, () => undefined)).toThrow(
        expect.objectContaining({ code: 'VALIDATION' }) as Error,
      )
    },
  )

  it('survives a malformed frame and an endpoint that throws', async () => {
    const server = await openServer()
    server.addWebSocketEndpoint('/echo', () => {})
    server.addWebSocketEndpoint('/broken', async () => Promise.reject(new Error('no')))
    const client = await connectRaw(urlOf(server, '/echo'))
    ;(client.socket as unknown as { _socket: { write(data: Buffer): void } })._socket.write(
      Buffer.from([0xff, 0xff, 0xff, 0xff]),
    )
    await client.closed
    expect(await (await connectRaw(urlOf(server, '/broken'))).closed).toMatchObject({ code: 1011 })
    expect((await registerRaw(server, 'w-1')).ack).toMatchObject({ success: true })
  })
})

describe('the handlers of operation', () => {
  it('tell load balancers whether there are enough workers', async () => {
    const server = await openServer()
    server.addHttpHandler(healthHandler(server, { minWorkers: 1 }))
    expect((await get(server, '/health')).status).toBe(503)
    await registerRaw(server, 'w-1')
    const response = await get(server, '/health')
    expect(response.status).toBe(200)
    expect(await response.json()).toMatchObject({ status: 'ok', workers: { available: 1 } })
  })

  it('give Prometheus every counter, in a form it can read', async () => {
    const server = await openServer()
    const executor = remoteExecutor(server)
    server.addHttpHandler(metricsHandler(server))
    const client = await registerRaw(server, 'w-1')
    client.send('garbage')
    await client.next('error')
    const text = await (await get(server, '/metrics')).text()
    const samples = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
    for (const line of samples) expect(line).toMatch(/^[a-z_]+(\{[a-z]+="[^"]+"\})? \d+(\.\d+)?$/)
    expect(samples).toContain('busline_remote_workers{status="available"} 1')
    expect(samples).toContain('busline_remote_malformed_messages_total 1')
    expect(samples).toContain('busline_remote_request_duration_seconds_bucket{le="+Inf"} 0')
    const declared = text.split('\n').filter((line) => line.startsWith('# TYPE'))
    expect(new Set(declared).size).toBe(declared.length)
    expect(samples.length).toBeGreaterThan(Object.keys(server.status().counters).length)
    await executor.close()
  })

  it('show a status page without secrets, to who may see it', async () => {
    const server = await openServer()
    server.addHttpHandler(statusHandler(server, { token: 'look-but-do-not-touch' }))
    const { ack } = await registerRaw(server, 'w-<script>')
    const page = await get(server, '/status')
    expect(await page.text()).toContain('<title>Workers</title>')
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'")
    expect((await get(server, '/status/status.json')).status).toBe(401)
    const headers = { authorization: 'Bearer look-but-do-not-touch' }
    const text = await (await get(server, '/status/status.json', { headers })).text()
    expect(JSON.parse(text)).toMatchObject({ state: 'running', workers: [{ id: 'w-<script>', slots: 2 }] })
    expect(text).not.toContain(ack['sessionId'])
  })

  it('answer without a token only who asked for this machine by name', async () => {
    const server = await openServer()
    server.addHttpHandler(statusHandler(server))
    server.addHttpHandler(metricsHandler(server))
    expect((await get(server, '/status/status.json')).status).toBe(200)
    const status = await new Promise((resolve, reject) => {
      void import('node:http').then(({ get: ask }) =>
        ask({ port: server.port, path: '/metrics', headers: { host: 'evil.example' } }, (response) =>
          resolve(response.statusCode),
        ).on('error', reject),
      )
    })
    expect(status).toBe(403)
  })
})
