import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { simulatedClock } from 'busline/testing'
import { openServer } from '../open-server.js'
import { connectRaw, registerRaw, registration, until, urlOf } from '../raw-client.js'

describe('a malformed message', () => {
  it.each([
    ['nonsense', 'NOT_JSON', undefined],
    ['null', 'NO_TYPE', undefined],
    ['[1]', 'NO_TYPE', undefined],
    ['{"x":1}', 'NO_TYPE', 'type'],
    ['{"type":"heartbeat"}', 'INVALID_MESSAGE', 'workerId'],
    ['{"type":"heartbeat","workerId":"w-1","timestamp":5}', 'INVALID_MESSAGE', 'timestamp'],
    [`{"type":"x","y":${'['.repeat(5000)}${']'.repeat(5000)}}`, 'TOO_DEEP', undefined],
    ['{"type":"x","__proto__":{"a":1}}', 'INVALID_MESSAGE', '__proto__'],
  ])('such as %.40s is answered with %s', async (text, code, path) => {
    const server = await openServer()
    const client = await registerRaw(server, 'w-1')
    client.send(text)
    const answer = await client.next('error')
    expect(answer).toMatchObject({ code, message: expect.stringMatching(/\w/) })
    expect(answer['path']).toBe(path)
    expect(server.status().counters.malformedMessages).toBe(1)
    expect(server.getAvailableWorkerCount()).toBe(1)
  })

  it('in a binary frame is answered as such', async () => {
    const server = await openServer()
    const client = await registerRaw(server, 'w-1')
    client.socket.send(Buffer.from('{"type":"heartbeat"}'))
    expect(await client.next('error')).toMatchObject({ code: 'BINARY' })
  })

  it('closes the connection with 1007 the third time, and gives its requests back; others notice nothing', async () => {
    const server = await openServer()
    const lost: unknown[] = []
    server.onWorkerDisconnected(({ id }, ids) => lost.push([id, ids]))
    const good = await registerRaw(server, 'good')
    const bad = await registerRaw(server, 'bad', { protocol: 2 })
    server.trackRequest('bad', 'r-1')
    for (let n = 0; n < 3; n++) bad.send('garbage')
    expect(await bad.closed).toEqual({ code: 1007, reason: 'Too many malformed messages' })
    expect(bad.messages.filter(({ type }) => type === 'error')).toHaveLength(3)
    expect(lost).toEqual([['bad', ['r-1']]])
    good.send({ type: 'heartbeat', workerId: 'good', timestamp: 't' })
    await good.next('heartbeat_ack')
    expect(good.messages.map(({ type }) => type)).toEqual(['worker_registration_ack', 'heartbeat_ack'])
  })
})

describe('before registering', () => {
  it.each([
    'null',
    '{"type":"worker_registration","authToken":{"a":1}}',
    '{"type":"worker_registration","authToken":[115]}',
    '{"type":"worker_registration","authToken":7}',
    '{"type":"worker_registration"}',
    '{"type":"worker_registration","workerId":"x","workerName":"x","capabilities":{}}',
    `{"type":"worker_registration","workerId":"x","workerName":"x","capabilities":{"models":[],"maxConcurrentRequests":1,"metadata":${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}}}`,
  ])('%.60s hurts nobody', async (text) => {
    const server = await openServer()
    const client = await connectRaw(urlOf(server))
    client.send(text)
    await until(
      () => client.messages.length > 0 || client.socket.readyState === client.socket.CLOSED,
      'an answer',
    )
    expect((await registerRaw(server, 'w-1')).ack).toMatchObject({ success: true })
    expect(server.getWorkerCount()).toBe(1)
  })

  it('a message of a routed type reaches no handler', async () => {
    const server = await openServer()
    const seen: unknown[] = []
    server.onWorkerMessage('work_complete', (...words) => seen.push(words))
    const client = await connectRaw(urlOf(server))
    client.send({ type: 'work_complete', requestId: 'r-1', workerId: 'w-1' })
    expect(await client.next('error')).toMatchObject({ code: 'NOT_REGISTERED' })
    client.send({ type: 'task_result', requestId: 'r-1', ok: true })
    expect(await client.next('error')).toMatchObject({ code: 'NOT_REGISTERED' })
    expect(seen).toEqual([])
  })

  it('time is limited', async () => {
    const server = await openServer({ registrationTimeoutMs: 50 })
    const client = await connectRaw(urlOf(server))
    expect(await client.closed).toEqual({ code: 1008, reason: 'Not registered in time' })
  })

  it('so is the number of sockets, and those that have registered do not count', async () => {
    const server = await openServer({ maxUnregistered: 2 })
    for (const id of ['w-1', 'w-2', 'w-3']) await registerRaw(server, id)
    await connectRaw(urlOf(server))
    await connectRaw(urlOf(server))
    await expect(connectRaw(urlOf(server))).rejects.toThrow('503')
    expect(server.status()).toMatchObject({
      connections: 5,
      unregistered: 2,
      counters: { refusedUpgrades: 1 },
    })
  })

  it('so is the size of a message', async () => {
    const server = await openServer()
    const client = await connectRaw(urlOf(server))
    client.send({ ...registration('w-1'), filling: 'x'.repeat(300_000) })
    expect(await client.closed).toMatchObject({ code: 1009 })
    expect(server.getWorkerCount()).toBe(0)
  })
})

describe('a worker that has registered', () => {
  it('cannot finish the request of another', async () => {
    const server = await openServer()
    const honest = await registerRaw(server, 'honest', { protocol: 2 })
    const sent = server.dispatch({ message: { type: 'work' } })!
    await honest.next('work')
    const thief = await registerRaw(server, 'thief', { protocol: 2 })
    thief.send({ type: 'task_result', requestId: sent.requestId, ok: true, value: 'stolen' })
    expect(await thief.next('error')).toMatchObject({ code: 'WRONG_WORKER', path: 'requestId' })
    expect(server.getWorkerInfo().find(({ id }) => id === 'honest')!.pendingRequestIds.size).toBe(1)
    honest.send({ type: 'task_result', requestId: sent.requestId, ok: true, value: 'earned' })
    expect(await sent.settled).toBe('released')
  })

  it('is not fed without end when it does not read', async () => {
    const server = await openServer({ maxBufferedBytes: 1024 * 1024 })
    const client = await registerRaw(server, 'w-1')
    client.socket.pause()
    const filling = 'x'.repeat(512 * 1024)
    let sent = 0
    // More than any kernel keeps: 96 MiB.
    for (let n = 0; n < 192; n++) if (server.send('w-1', { type: 'noise', filling })) sent++
    expect(sent).toBeLessThan(30)
    expect(server.status().counters.refusedSends).toBe(192 - sent)
    client.socket.resume()
    await until(() => server.send('w-1', { type: 'over' }), 'it reads again')
    await client.next('over')
  })

  it('that sends a frame of 100 MB is closed before the frame is here', async () => {
    const server = await openServer()
    const good = await registerRaw(server, 'good')
    const client = await registerRaw(server, 'w-1')
    client.socket.send('x'.repeat(100 * 1024 * 1024), () => undefined)
    expect((await client.closed).code).not.toBe(1000)
    await until(() => server.getWorkerCount() === 1, 'it is gone')
    good.send({ type: 'heartbeat', workerId: 'good', timestamp: 't' })
    await good.next('heartbeat_ack')
  })

  it('that breaks the framing ends nobody but itself', async () => {
    const server = await openServer()
    const good = await registerRaw(server, 'good')
    for (let n = 0; n < 20; n++) {
      const client = await registerRaw(server, `bad-${n}`)
      ;(client.socket as unknown as { _socket: { write(data: Buffer): void } })._socket.write(
        randomBytes(256),
      )
      await client.close()
    }
    await until(() => server.getWorkerCount() === 1, 'they are gone')
    good.send({ type: 'heartbeat', workerId: 'good', timestamp: 't' })
    await good.next('heartbeat_ack')
  })

  it('that sends more than it may is slowed down, and loses nothing', async () => {
    const server = await openServer({ maxMessagesPerSecond: 200 })
    const seen: unknown[] = []
    server.onWorkerMessage('tick', (_worker, { n }) => seen.push(n))
    const client = await registerRaw(server, 'w-1')
    const ticks = Array.from({ length: 400 }, (_, n) => n)
    for (const n of ticks) client.send({ type: 'tick', n })
    await until(() => seen.length === ticks.length, 'all have arrived')
    expect(seen).toEqual(ticks)
    expect(server.status().counters.throttled).toBeGreaterThan(0)
  })

  it('is slowed down to what it may in the long run, however much of it had been read at once', async () => {
    const clock = simulatedClock()
    const server = await openServer({ clock, maxMessagesPerSecond: 100, heartbeatTimeoutMs: 1e9 })
    let seen = 0
    server.onWorkerMessage('tick', () => seen++)
    const client = await registerRaw(server, 'w-1')
    // About sixty of them are read from the socket at once.
    const text = 'x'.repeat(1024)
    for (let count = 0; count < 1000; count++) client.send({ type: 'tick', text })
    const begin = clock.now()
    while (seen < 1000) {
      await clock.advance('10ms')
      await new Promise(setImmediate)
    }
    // A hundred at once, and the rest a hundred a second; the last that were read together are owed.
    expect(clock.now() - begin).toBeGreaterThan(8_000)
  })

  it('that speaks in tiny fragments without end is cut off', async () => {
    const server = await openServer()
    const client = await registerRaw(server, 'w-1')
    const error = new Promise((resolve) => client.socket.once('close', resolve))
    for (let n = 0; n < 20_000; n++) client.socket.send('x', { fin: false })
    expect(await error).toBe(1008)
  })
})

describe('ten thousand registrations', () => {
  it('on sockets that come and go leave nobody behind and nothing counted twice', async () => {
    const server = await openServer({ maxRegistrationsPerMinute: Infinity })
    const good = await registerRaw(server, 'good')
    // Many per socket, and many ids that replace each other: what arrives at once is what counts.
    const clients = await Promise.all(Array.from({ length: 20 }, () => connectRaw(urlOf(server))))
    for (let n = 0; n < 500; n++) {
      for (const [index, client] of clients.entries()) {
        if (client.socket.readyState === WebSocket.OPEN) client.send(registration(`w-${index}`))
      }
    }
    await until(() => server.status().counters.messagesReceived >= 10_001, 'all were read')
    expect(server.getWorkerCount()).toBe(21)
    expect(server.status()).toMatchObject({ connections: 21, unregistered: 0 })
    good.send({ type: 'heartbeat', workerId: 'good', timestamp: 't' })
    await good.next('heartbeat_ack')
    for (const client of clients) await client.close()
    await until(() => server.getWorkerCount() === 1, 'they are gone')
  })

  it('beyond the limit of an address are turned away without another look', async () => {
    const server = await openServer({ maxRegistrationsPerMinute: 5, authToken: 'secret' })
    for (let n = 0; n < 5; n++) await registerRaw(server, `w-${n}`, { authToken: 'secret' })
    const late = await connectRaw(urlOf(server))
    late.send(registration('w-9', { authToken: 'secret' }))
    expect(await late.next('worker_registration_ack')).toMatchObject({
      success: false,
      error: expect.stringMatching(/^Too many registrations from this address: try again in \d+ s$/),
    })
    expect(await late.closed).toMatchObject({ code: 1013 })
    expect(server.getWorkerCount()).toBe(5)
  })

  it('with ids that all differ are bounded by the number of workers', async () => {
    const server = await openServer({ maxWorkers: 3 })
    for (const id of ['a', 'b', 'c']) await registerRaw(server, id)
    const { ack, closed } = await registerRaw(server, 'd')
    expect(ack).toMatchObject({ success: false })
    expect(await closed).toMatchObject({ code: 1013 })
    expect((await registerRaw(server, 'a')).ack).toMatchObject({ success: true })
  })
})
