import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer as createTlsServer } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { WorkerServer, remoteExecutor, safeCompare } from 'busline/remote'
import { RemoteWorker } from 'busline/remote/client'
import { simulatedClock } from 'busline/testing'
import { openServer } from '../open-server.js'
import { quietLogger } from '../quiet-logger.js'
import { connectRaw, registerRaw, registration, until, urlOf } from '../raw-client.js'
import { stepTask, taskControl } from '../step-task.js'

describe('safeCompare()', () => {
  it('knows equal strings, whatever their length', () => {
    expect(safeCompare('secret', 'secret')).toBe(true)
    expect(safeCompare('', '')).toBe(true)
    expect(safeCompare('secret', 'secret2')).toBe(false)
    expect(safeCompare('x'.repeat(1_000_000), 'x')).toBe(false)
  })

  it('takes nothing but strings, and never throws', () => {
    for (const value of [undefined, null, 7, {}, [115, 101], Buffer.from('secret'), Symbol('x')]) {
      expect(safeCompare(value, 'secret')).toBe(false)
      expect(safeCompare(value, value)).toBe(false)
    }
  })
})

describe('listening beyond this machine', () => {
  it.each(['0.0.0.0', '::', '192.168.1.5', 'example.com', '127.evil.example'])(
    'on %s needs a token, or that nobody wants one',
    (host) => {
      expect(() => new WorkerServer({ host })).toThrow(/needs an "authToken" to listen/)
      expect(() => new WorkerServer({ host, authToken: 'secret' })).not.toThrow()
      expect(() => new WorkerServer({ host, tokens: [{ token: 'secret' }] })).not.toThrow()
      expect(() => new WorkerServer({ host, allowUnauthenticated: true })).not.toThrow()
    },
  )

  it('on its own addresses does not', () => {
    for (const host of ['127.0.0.1', '127.0.0.2', 'localhost', '::1']) {
      expect(() => new WorkerServer({ host })).not.toThrow()
    }
  })

  it('stays impossible without a token when tokens are changed', () => {
    const server = new WorkerServer({ host: '0.0.0.0', authToken: 'secret' })
    expect(() => server.setTokens([])).toThrow(/needs an "authToken"/)
    expect(() => server.setTokens([{ token: '' }])).toThrow(/must be a string that is not empty/)
  })

  it('names every option that is wrong', () => {
    expect(() => new WorkerServer({ port: 70_000, heartbeatIntervalMs: 90_000, maxMessageBytes: 0 })).toThrow(
      /"port" must be .*"maxMessageBytes" must be .*"heartbeatIntervalMs" must be below/,
    )
  })
})

describe('tokens of single workers', () => {
  it('let in the workers they are for, and no other', async () => {
    const server = await openServer({
      authToken: 'for all',
      tokens: [{ token: 'for a', workerIds: ['a', 'b'] }],
    })
    expect((await registerRaw(server, 'a', { authToken: 'for a' })).ack).toMatchObject({ success: true })
    expect((await registerRaw(server, 'c', { authToken: 'for all' })).ack).toMatchObject({ success: true })
    const impostor = await registerRaw(server, 'c', { authToken: 'for a' })
    expect(impostor.ack).toMatchObject({ success: false, error: 'Invalid authentication token' })
    expect(await impostor.closed).toMatchObject({ code: 4001 })
    expect(server.getWorkerCount()).toBe(2)
  })

  it('are rotated with an overlap; then the sockets of the old one are closed, and nobody else notices', async () => {
    const clock = simulatedClock()
    const server = await openServer({ authToken: 'old', clock })
    const first = await registerRaw(server, 'first', { authToken: 'old' })
    server.setTokens([{ token: 'new' }], { overlap: '30s' })
    const second = await registerRaw(server, 'second', { authToken: 'old' })
    const third = await registerRaw(server, 'third', { authToken: 'new' })
    expect([second.ack['success'], third.ack['success']]).toEqual([true, true])
    await clock.advance('30s')
    for (const old of [first, second]) {
      expect(await old.closed).toEqual({ code: 4001, reason: 'Authentication token revoked' })
    }
    expect(server.getWorkerInfo().map(({ id }) => id)).toEqual(['third'])
    expect((await registerRaw(server, 'first', { authToken: 'old' })).ack).toMatchObject({ success: false })
    expect(third.socket.readyState).toBe(third.socket.OPEN)
  })

  it('are revoked at once without one, with the requests given back; a token that stays keeps its sockets', async () => {
    const server = await openServer({ tokens: [{ token: 'one' }, { token: 'two' }] })
    const lost: unknown[] = []
    server.onWorkerDisconnected(({ id }, ids) => lost.push([id, [...ids]]))
    const one = await registerRaw(server, 'one', { authToken: 'one', protocol: 2 })
    await registerRaw(server, 'two', { authToken: 'two' })
    server.trackRequest('one', 'r-1')
    server.setTokens([{ token: 'two' }])
    expect(await one.closed).toMatchObject({ code: 4001 })
    expect(lost).toEqual([['one', ['r-1']]])
    server.setTokens([{ token: 'two', workerIds: ['somebody else'] }])
    expect(server.getWorkerCount()).toBe(0)
  })

  it('count by the last one that was given on a socket: a worker can change its token where it stands', async () => {
    const clock = simulatedClock()
    const server = await openServer({ clock, authToken: 'old' })
    const worker = await registerRaw(server, 'w-1', { authToken: 'old' })
    server.setTokens([{ token: 'new' }], { overlap: '1m' })
    worker.send(registration('w-1', { authToken: 'new' }))
    expect(await worker.next('worker_registration_ack')).toMatchObject({ success: true })
    await clock.advance('2m')
    expect(worker.socket.readyState).toBe(worker.socket.OPEN)
    expect(server.getWorkerCount()).toBe(1)
  })

  it('of a connection that was cut do not outlive their revocation', async () => {
    const server = await openServer({ tokens: [{ token: 'one' }, { token: 'two' }] })
    const client = await registerRaw(server, 'w-1', { authToken: 'one', protocol: 2 })
    await client.close()
    await until(() => server.getWorkerInfo()[0]?.isReachable === false, 'the cut is seen')
    server.setTokens([{ token: 'two' }])
    const resume = { sessionId: client.ack['sessionId'], inFlight: [] }
    const back = await registerRaw(server, 'w-1', { authToken: 'one', protocol: 2, resume })
    expect(back.ack).toMatchObject({ success: false })
  })
})

describe('the origin of a page', () => {
  it('must be allowed; who has none, a process, is not concerned', async () => {
    const server = await openServer({ allowedOrigins: ['https://app.example'] })
    await expect(connectRaw(urlOf(server), { origin: 'https://evil.example' })).rejects.toThrow('403')
    await expect(connectRaw(urlOf(server), { origin: 'null' })).rejects.toThrow('403')
    // A page of another name that had itself resolved to this machine.
    const rebound = { origin: 'http://evil.example', headers: { host: 'evil.example' } }
    await expect(connectRaw(urlOf(server), rebound)).rejects.toThrow('403')
    const allowed = await connectRaw(urlOf(server), { origin: 'https://app.example' })
    const own = await connectRaw(urlOf(server), { origin: `http://127.0.0.1:${server.port}` })
    for (const client of [allowed, own]) {
      client.send(registration(`w-${Math.random()}`))
      expect(await client.next('worker_registration_ack')).toMatchObject({ success: true })
    }
    expect(server.status().counters.refusedUpgrades).toBe(3)
  })
})

describe('TLS', () => {
  it('comes with the server that is passed', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'busline-tls-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const [keyFile, certFile] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1']
    const make = [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-days',
      '1',
    ]
    execFileSync('openssl', [...make, '-keyout', keyFile, '-out', certFile, ...subject], { stdio: 'ignore' })
    const [key, cert] = [readFileSync(keyFile), readFileSync(certFile)]
    const server = await openServer({ server: createTlsServer({ key, cert }), authToken: 'secret' })
    const executor = remoteExecutor(server)
    const url = `wss://127.0.0.1:${server.port}`
    const worker = new RemoteWorker({
      url,
      token: 'secret',
      logger: quietLogger(),
      socketOptions: { ca: cert },
      tasks: { echo: (input) => input },
    })
    onTestFinished(() => worker.stop())
    await worker.start()
    expect(await executor.execute(stepTask('echo', 'private'), taskControl())).toBe('private')
    await expect(connectRaw(url)).rejects.toThrow(/self-signed|self signed/)
    await executor.close()
  })
})
