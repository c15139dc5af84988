import { describe, expect, it } from 'vitest'
import type { WireMessage, WorkerInfo } from 'busline/remote'
import { simulatedClock } from 'busline/testing'
import { openServer } from '../open-server.js'
import { MODEL, connectRaw, registerRaw, registration, until, urlOf } from '../raw-client.js'

/** Sections 1 to 5 of the reference, as a client sees them that knows nothing of Busline. */
describe('registration', () => {
  it('is answered with a session and the interval of heartbeats', async () => {
    const server = await openServer()
    const { ack } = await registerRaw(server, 'w-1')
    expect(ack).toEqual({
      type: 'worker_registration_ack',
      success: true,
      sessionId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      heartbeatIntervalMs: 15_000,
    })
    expect(server.getWorkerInfo()).toMatchObject([
      { id: 'w-1', name: 'Worker w-1', status: 'available', activeRequests: 0, completedRequests: 0 },
    ])
  })

  it.each([undefined, 'wrong', '', 7, null, { a: 1 }, [115, 101, 99]])(
    'with the token %j is refused and closed with 4001',
    async (authToken) => {
      const server = await openServer({ authToken: 'secret' })
      const client = await connectRaw(urlOf(server))
      client.send(registration('w-1', authToken === undefined ? {} : { authToken }))
      expect(await client.next('worker_registration_ack')).toEqual({
        type: 'worker_registration_ack',
        success: false,
        error: 'Invalid authentication token',
      })
      expect(await client.closed).toEqual({ code: 4001, reason: 'Authentication failed' })
      expect(server.getWorkerCount()).toBe(0)
    },
  )

  it('with the right token is let in', async () => {
    const server = await openServer({ authToken: 'secret' })
    expect((await registerRaw(server, 'w-1', { authToken: 'secret' })).ack).toMatchObject({ success: true })
  })

  it('looks at the token before anything else of the message', async () => {
    const server = await openServer({ authToken: 'secret' })
    const client = await connectRaw(urlOf(server))
    client.send({ type: 'worker_registration', workerId: 7, capabilities: null })
    expect(await client.closed).toMatchObject({ code: 4001 })
    expect(server.status().counters.malformedMessages).toBe(0)
  })

  it('under a known id replaces the former, whose requests are reported and whose end concerns nobody', async () => {
    const server = await openServer()
    const lost: [string, readonly string[]][] = []
    server.onWorkerDisconnected((worker, ids) => lost.push([worker.sessionId, ids]))
    const first = await registerRaw(server, 'w-1')
    server.trackRequest('w-1', 'r-1')
    server.trackRequest('w-1', 'r-2')
    const second = await registerRaw(server, 'w-1')
    expect(await first.closed).toEqual({ code: 4003, reason: 'Replaced by new connection' })
    expect(lost).toEqual([[first.ack['sessionId'], ['r-1', 'r-2']]])
    await until(() => server.status().connections === 1, 'the first is gone')
    expect(server.getWorkerInfo()).toMatchObject([
      { id: 'w-1', sessionId: second.ack['sessionId'], activeRequests: 0 },
    ])
    expect(server.send('w-1', { type: 'hello' })).toBe(true)
    expect(await second.next('hello')).toEqual({ type: 'hello' })
  })

  it('again on the same socket changes nothing; under another id it is refused, and leaves no ghost', async () => {
    const server = await openServer()
    const client = await registerRaw(server, 'w-1')
    client.send(registration('w-1'))
    expect(await client.next('worker_registration_ack')).toMatchObject({
      success: true,
      sessionId: client.ack['sessionId'],
    })
    client.send(registration('w-2'))
    expect(await client.next('worker_registration_ack')).toMatchObject({ success: false })
    expect(await client.next('error')).toMatchObject({ code: 'ALREADY_REGISTERED', path: 'workerId' })
    expect(server.getWorkerInfo().map(({ id }) => id)).toEqual(['w-1'])
    await client.close()
    await until(() => server.getWorkerCount() === 0, 'nobody is left')
  })

  it.each([
    ['capabilities', { capabilities: undefined }],
    ['capabilities.models', { capabilities: { maxConcurrentRequests: 1 } }],
    ['capabilities.models.1.modelId', { capabilities: { models: [MODEL, {}], maxConcurrentRequests: 1 } }],
    ['capabilities.maxConcurrentRequests', { capabilities: { models: [], maxConcurrentRequests: '3' } }],
    [
      'capabilities.concurrencyLimits.chat',
      { capabilities: { models: [], maxConcurrentRequests: 1, concurrencyLimits: { chat: 'x' } } },
    ],
    ['workerId', { workerId: '' }],
    ['workerName', { workerName: 5 }],
  ])('without a proper %s is refused by that name, and may be tried again', async (path, more) => {
    const server = await openServer()
    const client = await connectRaw(urlOf(server))
    client.send(registration('w-1', more))
    const ack = await client.next('worker_registration_ack')
    expect(ack).toMatchObject({ success: false, error: expect.stringContaining(`"${path}"`) })
    expect(await client.next('error')).toMatchObject({ code: 'INVALID_MESSAGE', path })
    client.send(registration('w-1'))
    expect(await client.next('worker_registration_ack')).toMatchObject({ success: true })
  })
})

describe('heartbeats', () => {
  it('are answered with the timestamp that was sent and the next deadline', async () => {
    const clock = simulatedClock(Date.UTC(2026, 0, 1))
    const server = await openServer({ clock })
    const client = await registerRaw(server, 'w-1')
    client.send({ type: 'heartbeat', workerId: 'w-1', timestamp: '1999-12-31T23:59:59.000Z' })
    expect(await client.next('heartbeat_ack')).toEqual({
      type: 'heartbeat_ack',
      timestamp: '1999-12-31T23:59:59.000Z',
      nextHeartbeatDeadline: '2026-01-01T00:01:00.000Z',
    })
  })

  it('of another worker are refused', async () => {
    const server = await openServer()
    const client = await registerRaw(server, 'w-1')
    await registerRaw(server, 'w-2')
    client.send({ type: 'heartbeat', workerId: 'w-2', timestamp: '' })
    expect(await client.next('error')).toMatchObject({ code: 'WRONG_WORKER', path: 'workerId' })
  })
})

describe('other messages', () => {
  it('are routed by their type to every handler, until it unsubscribes, whatever the others do', async () => {
    const server = await openServer()
    const seen: string[] = []
    server.onWorkerMessage('work_complete', () => {
      throw new Error('no')
    })
    server.onWorkerMessage('work_complete', async () => Promise.reject(new Error('never')))
    const unsubscribe = server.onWorkerMessage('work_complete', () => seen.push('once'))
    server.onWorkerMessage('work_complete', ({ id }: WorkerInfo, { requestId }: WireMessage) =>
      seen.push(`${id} ${String(requestId)}`),
    )
    const client = await registerRaw(server, 'w-1')
    client.send({ type: 'work_complete', requestId: 'r-1' })
    await until(() => seen.length === 2, 'two handlers were called')
    unsubscribe()
    client.send({ type: 'work_complete', requestId: 'r-2' })
    await until(() => seen.length === 3, 'one was called')
    expect(seen).toEqual(['once', 'w-1 r-1', 'w-1 r-2'])
  })

  it('go to one worker, or to all that are registered', async () => {
    const server = await openServer()
    const first = await registerRaw(server, 'w-1')
    const second = await registerRaw(server, 'w-2')
    const stranger = await connectRaw(urlOf(server))
    expect(server.send('w-1', { type: 'work', requestId: 'r-1' })).toBe(true)
    expect(server.send('nobody', { type: 'work' })).toBe(false)
    expect(await first.next('work')).toEqual({ type: 'work', requestId: 'r-1' })
    expect(server.broadcast({ type: 'all' })).toBe(2)
    await first.next('all')
    await second.next('all')
    expect(stranger.messages).toEqual([])
  })

  it('of a type nobody handles are answered with an error, and end nothing', async () => {
    const server = await openServer()
    const client = await registerRaw(server, 'w-1')
    for (let n = 0; n < 5; n++) {
      client.send({ type: 'gossip' })
      expect(await client.next('error')).toMatchObject({ code: 'UNKNOWN_TYPE', path: 'type' })
    }
    expect(server.getAvailableWorkerCount()).toBe(1)
    expect(server.status().counters).toMatchObject({ unhandledMessages: 5, malformedMessages: 0 })
  })
})

describe('tracking over the wire', () => {
  it('makes a worker busy at its limit and available below it', async () => {
    const server = await openServer()
    await registerRaw(server, 'w-1', {}, { concurrencyLimits: { chat: 1 } })
    expect(server.getAvailableSlotCount('llama-3-8b')).toBe(2)
    expect(server.getAvailableSlotCount('llama-3-8b', 'chat')).toBe(1)
    server.trackRequest('w-1', 'r-1', 'chat')
    expect(server.getAvailableWorker('llama-3-8b', 'chat')).toBeUndefined()
    expect(server.getAvailableWorker('llama-3-8b')?.id).toBe('w-1')
    server.trackRequest('w-1', 'r-2')
    expect(server.getAvailableWorker('llama-3-8b')).toBeUndefined()
    expect(server.getAnyAvailableWorker()).toMatchObject({ id: 'w-1', status: 'busy' })
    expect(server.getAvailableWorkerCount()).toBe(0)
    server.releaseRequest('r-1', { incrementCompleted: true })
    expect(server.getWorkerInfo()[0]).toMatchObject({
      status: 'available',
      activeRequests: 1,
      completedRequests: 1,
      pendingRequestIds: new Set(['r-2']),
      categoryActiveRequests: new Map(),
    })
    server.releaseRequest('unknown')
    expect(server.getAvailableSlotCount('llama-3-8b')).toBe(1)
  })
})

describe('dispatch()', () => {
  it('chooses, sends and counts in one step, and settles each request once', async () => {
    const server = await openServer()
    const client = await registerRaw(server, 'w-1')
    const released = server.dispatch({ model: 'llama-3-8b', message: { type: 'work', prompt: 'hi' } })!
    expect(await client.next('work')).toEqual({ type: 'work', prompt: 'hi', requestId: released.requestId })
    expect(server.getWorkerInfo()[0]!.pendingRequestIds).toEqual(new Set([released.requestId]))
    server.releaseRequest(released.requestId)
    server.releaseRequest(released.requestId)
    expect(await released.settled).toBe('released')
    const lost = server.dispatch({ message: { type: 'work', requestId: 'mine' } })!
    expect(lost).toMatchObject({ requestId: 'mine', workerId: 'w-1' })
    expect(() => server.dispatch({ message: { type: 'work' }, requestId: 'mine' })).toThrow(/taken/)
    await client.close()
    expect(await lost.settled).toBe('lost')
    expect(server.dispatch({ message: { type: 'work' } })).toBeUndefined()
  })

  it('tries the next candidate when the best cannot be sent to', async () => {
    const server = await openServer({ maxBufferedBytes: 1024 })
    const deaf = await registerRaw(server, 'a')
    const other = await registerRaw(server, 'b')
    deaf.socket.pause()
    // The kernel takes some before it is full.
    await until(() => !server.send('a', { type: 'noise', filling: 'x'.repeat(200_000) }), 'no more fits')
    const sent = server.dispatch({ message: { type: 'work' } })!
    expect(sent.workerId).toBe('b')
    expect(await other.next('work')).toMatchObject({ requestId: sent.requestId })
  })
})
