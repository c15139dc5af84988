import { describe, expect, it, onTestFinished } from 'vitest'
import { remoteExecutor } from 'busline/remote'
import { openServer } from '../open-server.js'
import { connectRaw, registerRaw, registration, until, urlOf } from '../raw-client.js'
import { stepTask, taskControl } from '../step-task.js'

describe('a worker that does not speak protocol 2', () => {
  it('is told nothing of draining, and is given nothing more', async () => {
    const server = await openServer()
    const worker = await registerRaw(server, 'w-1')
    expect(server.drainWorker('w-1')).toBe(true)
    expect(server.getWorkerInfo()[0]!.status).toBe('draining')
    worker.send({ type: 'heartbeat', workerId: 'w-1', timestamp: 'now' })
    await worker.next('heartbeat_ack')
    expect(worker.messages.map(({ type }) => type)).toEqual(['worker_registration_ack', 'heartbeat_ack'])
  })

  it('is asked for no tasks, whatever it announces', async () => {
    const server = await openServer()
    const executor = remoteExecutor(server, { queueTimeout: 40, unknownTaskTimeout: 20 })
    onTestFinished(() => executor.close())
    const worker = await registerRaw(server, 'w-1', {}, { tasks: ['resize'] })
    await expect(executor.execute(stepTask('resize'), taskControl())).rejects.toMatchObject({
      code: 'NOT_FOUND',
    })
    expect(worker.messages.map(({ type }) => type)).toEqual(['worker_registration_ack'])
  })
})

describe('a worker that asks for frames of several messages without protocol 2', () => {
  it('is not promised any, and gets none', async () => {
    const server = await openServer()
    const client = await connectRaw(urlOf(server))
    const frames: string[] = []
    client.socket.on('message', (data: Buffer) => frames.push(data.toString()))
    client.send(registration('w-1', { batches: true }))
    expect(await client.next('worker_registration_ack')).not.toHaveProperty('batches')
    for (const n of [1, 2, 3]) server.send('w-1', { type: 'news', n })
    await until(() => client.messages.length === 4, 'all have arrived')
    expect(frames).toHaveLength(4)
  })
})

describe('a worker that is asked to drain while its connection is cut', () => {
  it('is told when it is back', async () => {
    const server = await openServer()
    const worker = await registerRaw(server, 'w-1', { protocol: 2 })
    await worker.close()
    await until(() => server.getWorkerInfo()[0]?.isReachable === false, 'the cut was seen')
    expect(server.drainWorker('w-1')).toBe(true)

    const back = await connectRaw(urlOf(server))
    const resume = { sessionId: worker.ack['sessionId'], inFlight: [] }
    back.send(registration('w-1', { protocol: 2, resume }))
    expect(await back.next('worker_registration_ack')).toMatchObject({ resumed: true })
    await back.next('drain')
  })
})

describe('what is told of a worker', () => {
  it('cannot be used to change it', async () => {
    const server = await openServer()
    await registerRaw(server, 'w-1', {}, { concurrencyLimits: { heavy: 1 } })
    const { capabilities } = server.getWorkerInfo()[0]!
    expect(() => (capabilities.models as unknown[]).pop()).toThrow(TypeError)
    expect(() => (capabilities.concurrencyLimits!['heavy'] = 5)).toThrow(TypeError)
    expect(server.getAvailableSlotCount('llama-3-8b', 'heavy')).toBe(1)
  })

  it('has whole slots in the status, whatever it claims', async () => {
    const server = await openServer()
    for (const [id, slots] of [
      ['w-1', -5],
      ['w-2', 2.7],
      ['w-3', 1e300],
    ] as const) {
      await registerRaw(server, id, {}, { maxConcurrentRequests: slots })
    }
    expect(server.status().workers.map(({ slots }) => slots)).toEqual([0, 2, 100_000])
  })
})

describe('a message by hand that is no JSON object', () => {
  it('is refused by name, and nothing is sent or counted', async () => {
    const server = await openServer()
    const worker = await registerRaw(server, 'w-1')
    const cyclic: Record<string, unknown> = { type: 'news' }
    cyclic['self'] = cyclic
    for (const message of [cyclic, { type: 'news', size: 1n }, undefined, 'text', null, [1]] as never[]) {
      const refused = expect.objectContaining({ code: 'VALIDATION' }) as Error
      expect(() => server.send('w-1', message)).toThrow(refused)
      expect(() => server.broadcast(message)).toThrow(refused)
      expect(() => server.dispatch({ message })).toThrow(refused)
    }
    expect(server.getWorkerInfo()[0]!.activeRequests).toBe(0)
    expect(server.send('w-1', { type: 'news' })).toBe(true)
    await worker.next('news')
    expect(worker.messages).toHaveLength(2)
  })
})
