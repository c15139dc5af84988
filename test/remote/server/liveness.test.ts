import { describe, expect, it, onTestFinished } from 'vitest'
import { simulatedClock } from 'busline/testing'
import { openServer } from '../open-server.js'
import { connectRaw, registerRaw, registration, until } from '../raw-client.js'
import { openTcpProxy } from '../tcp-proxy.js'

const options = { heartbeatTimeoutMs: 60_000, healthCheckIntervalMs: 10_000, heartbeatIntervalMs: 15_000 }

async function openProxy(port: number) {
  const proxy = await openTcpProxy(port)
  onTestFinished(() => proxy.close())
  return proxy
}

describe('a worker that is silent', () => {
  it('is unhealthy after the timeout, healed by a heartbeat, and dead after three, with its requests given back once', async () => {
    const clock = simulatedClock()
    const server = await openServer({ ...options, clock })
    const lost: unknown[] = []
    server.onWorkerDisconnected(({ id }, ids) => lost.push([id, [...ids]]))
    const client = await registerRaw(server, 'w-1')
    server.trackRequest('w-1', 'r-1')
    const status = () => server.getWorkerInfo()[0]?.status
    await clock.advance(60_000)
    expect(status()).toBe('available')
    await clock.advance(10_000)
    expect(status()).toBe('unhealthy')
    expect(server.getAnyAvailableWorker()).toBeUndefined()
    client.send({ type: 'heartbeat', workerId: 'w-1', timestamp: 't' })
    await client.next('heartbeat_ack')
    expect(status()).toBe('available')
    await clock.advance(180_000)
    expect(status()).toBe('unhealthy')
    expect(lost).toEqual([])
    await clock.advance(10_000)
    expect(await client.closed).toEqual({ code: 4003, reason: 'Heartbeat timeout' })
    expect(lost).toEqual([['w-1', ['r-1']]])
    expect(server.getWorkerCount()).toBe(0)
    await clock.advance(300_000)
    expect(lost).toHaveLength(1)
  })

  it('is not silent because the clock jumped, forwards or back', async () => {
    const clock = simulatedClock()
    const server = await openServer({ ...options, clock })
    await registerRaw(server, 'w-1')
    for (const jump of [3_600_000, -7_200_000, 86_400_000]) {
      clock.jump(clock.now() + jump)
      await clock.advance(10_000)
      expect(server.getWorkerInfo()[0]?.status, `after a jump of ${jump}`).toBe('available')
    }
  })
})

describe('a half-open connection', () => {
  it('is found by pings though its last heartbeat is fresh; its requests come back when it is declared dead, once', async () => {
    const clock = simulatedClock()
    const server = await openServer({ ...options, clock })
    const lost: unknown[] = []
    server.onWorkerDisconnected(({ id }, ids) => lost.push([id, [...ids]]))
    const proxy = await openProxy(server.port!)
    const client = await connectRaw(proxy.url)
    client.send(registration('w-1'))
    await client.next('worker_registration_ack')
    server.trackRequest('w-1', 'r-1')
    proxy.freeze()
    const status = () => server.getWorkerInfo()[0]?.status
    await clock.advance(30_000)
    expect(status()).toBe('available')
    // Two intervals of heartbeats after the first ping that nobody answered.
    await clock.advance(10_000)
    expect(status()).toBe('unhealthy')
    await clock.advance(140_000)
    expect(lost).toEqual([])
    await clock.advance(10_000)
    expect(lost).toEqual([['w-1', ['r-1']]])
    // The peer never answers the closing either.
    await until(() => server.status().connections === 0, 'the socket was given up')
    expect(lost).toHaveLength(1)
  })

  it('of a worker that can resume is cut, and given up when it does not come back', async () => {
    const clock = simulatedClock()
    const server = await openServer({ ...options, clock, resumeWindow: '5s' })
    const lost: unknown[] = []
    server.onWorkerDisconnected(({ id }) => lost.push(id))
    const proxy = await openProxy(server.port!)
    const client = await connectRaw(proxy.url)
    client.send(registration('w-1', { protocol: 2 }))
    await client.next('worker_registration_ack')
    proxy.freeze()
    await clock.advance(40_000)
    expect(server.getWorkerInfo()).toMatchObject([{ status: 'unhealthy', isReachable: false }])
    await clock.advance(4_999)
    expect(lost).toEqual([])
    await clock.advance(1)
    expect(lost).toEqual(['w-1'])
  })

  it('that comes to life again is as good as before', async () => {
    const clock = simulatedClock()
    const server = await openServer({ ...options, clock })
    const client = await registerRaw(server, 'w-1')
    client.socket.pause()
    await clock.advance(40_000)
    expect(server.getWorkerInfo()[0]?.status).toBe('unhealthy')
    client.socket.resume()
    client.send({ type: 'heartbeat', workerId: 'w-1', timestamp: 't' })
    await client.next('heartbeat_ack')
    expect(server.getWorkerInfo()[0]).toMatchObject({ status: 'available', isReachable: true })
  })
})
