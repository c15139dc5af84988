import { describe, expect, it, onTestFinished } from 'vitest'
import { SystemError } from 'busline'
import { type WorkerServerOptions, remoteExecutor } from 'busline/remote'
import {
  RemoteWorker,
  type RemoteTasks,
  type RemoteWorkerState,
  type TaskContext,
} from 'busline/remote/client'
import { simulatedClock } from 'busline/testing'
import { openServer } from '../open-server.js'
import { quietLogger } from '../quiet-logger.js'
import { registerRaw, until, urlOf } from '../raw-client.js'
import { stepTask, taskControl } from '../step-task.js'
import { openTcpProxy } from '../tcp-proxy.js'

async function open(tasks: RemoteTasks, options: WorkerServerOptions = {}, more = {}) {
  const server = await openServer(options)
  const executor = remoteExecutor(server)
  const states: RemoteWorkerState[] = []
  const reconnect = { minDelayMs: 1, maxDelayMs: 2 }
  const worker = new RemoteWorker({ url: urlOf(server), tasks, reconnect, logger: quietLogger(), ...more })
  worker.onState((state) => void states.push(state))
  onTestFinished(() => worker.stop())
  onTestFinished(() => executor.close())
  await worker.start()
  return { server, executor, worker, states }
}

const deep = (levels: number) => {
  let value: unknown = 1
  for (let level = 0; level < levels; level++) value = [value]
  return value
}
const reserved = () => JSON.parse('{"list":[{"__proto__":{"a":1}}]}') as unknown

describe('a value with the reserved key', () => {
  it('is refused by name, as result and as input, and nobody waits', async () => {
    const { executor, server } = await open({ give: reserved, take: () => 1 })
    await expect(executor.execute(stepTask('give'), taskControl())).rejects.toMatchObject({
      code: 'VALIDATION',
      context: { path: 'result.list.0.__proto__' },
    })
    await expect(executor.execute(stepTask('take', reserved()), taskControl())).rejects.toMatchObject({
      code: 'VALIDATION',
      context: { path: 'input.list.0.__proto__' },
    })
    expect(server.status().counters.malformedMessages).toBe(0)
  })
})

describe('an error that the other side would refuse to read', () => {
  const fail = (context: unknown) => () => {
    throw new SystemError('CONFLICT', 'Not now', { context: context as Record<string, unknown> })
  }
  it.each([
    ['is too deep', fail({ value: deep(250) })],
    ['is far too deep', fail({ value: deep(3000) })],
    ['has the reserved key', fail(reserved())],
    ['is too long', fail({ text: 'x'.repeat(3_000_000) })],
  ])('arrives without what %s', async (_what, task) => {
    const { executor, server, states } = await open({ task })
    await expect(executor.execute(stepTask('task'), taskControl())).rejects.toMatchObject({
      code: 'CONFLICT',
      message: 'Not now',
    })
    expect(server.status().counters.malformedMessages).toBe(0)
    expect(states).toEqual(['connecting', 'connected'])
  })

  it('still says that there is no point in trying again', async () => {
    const error = Object.assign(new Error('x'.repeat(3_000_000)), {
      retryable: false,
      code: 'x'.repeat(3_000_000),
    })
    const { executor, states } = await open({ task: () => Promise.reject(error) }, { maxMessageBytes: 4096 })
    await expect(executor.execute(stepTask('task'), taskControl())).rejects.toMatchObject({
      code: 'EXECUTION_FAILED',
      context: { retryable: false },
    })
    expect(states).toEqual(['connecting', 'connected'])
  })
})

describe('what a task says on its way', () => {
  it.each<[string, (context: TaskContext) => void, WorkerServerOptions]>([
    ['a log of two million characters', ({ logger }) => logger.info('x'.repeat(2_000_000)), {}],
    ['progress with as many', ({ progress }) => progress(0.5, 'x'.repeat(2_000_000)), {}],
    ['progress with a number for its message', ({ progress }) => progress(0.5, 42 as never), {}],
    ['a log with data that is too deep', ({ logger }) => logger.info('deep', deep(250)), {}],
    ['a log with the reserved key', ({ logger }) => logger.info('reserved', reserved()), {}],
    [
      'a log with more than a small server takes',
      ({ logger }) => logger.info('y', 'y'.repeat(60_000)),
      { maxMessageBytes: 4096 },
    ],
  ])('such as %s ends no connection, and is heard of', async (_what, say, options) => {
    const heard: string[] = []
    const logger = { ...quietLogger(), info: (message: string) => void heard.push(message) }
    const progress = (fraction: number) => void heard.push(String(fraction))
    const task = (_input: unknown, context: TaskContext) => {
      for (let time = 0; time < 4; time++) say(context)
      return 'done'
    }
    const { executor, server, states } = await open({ task }, options)
    expect(await executor.execute(stepTask('task'), taskControl({ logger, progress }))).toBe('done')
    expect(heard).toHaveLength(4)
    expect(server.status().counters.malformedMessages).toBe(0)
    expect(states).toEqual(['connecting', 'connected'])
  })
})

describe('the result in chunks of a request that nobody waits for any more', () => {
  it('is nobody’s fault', async () => {
    let finish: () => void = () => {}
    const big = async () => {
      await new Promise<void>((resolve) => (finish = resolve))
      return 'x'.repeat(5000)
    }
    const { executor, server, worker, states } = await open({ big }, { maxMessageBytes: 4096 })
    for (let time = 1; time <= 4; time++) {
      const controller = new AbortController()
      const given = executor.execute(stepTask('big'), taskControl({ signal: controller.signal }))
      await until(() => worker.activeRequests === 1, 'it has begun')
      controller.abort(new Error('not wanted'))
      await expect(given).rejects.toThrow('not wanted')
      finish()
      await until(() => server.getWorkerInfo()[0]?.activeRequests === 0, 'its slot is free')
    }
    expect(server.status().counters.malformedMessages).toBe(0)
    expect(states).toEqual(['connecting', 'connected'])
  })
})

describe('a request that its worker cannot take', () => {
  it('because it is larger than the worker allows is given up after some cuts', async () => {
    const { executor, states } = await open({ take: () => 1 }, {}, { maxMessageBytes: 131_072 })
    await expect(
      executor.execute(stepTask('take', 'x'.repeat(200_000)), taskControl()),
    ).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringContaining('maxMessageBytes') as string,
    })
    expect(states.length).toBeLessThan(40)
  })

  it('because its input was changed while it waited fails alone', async () => {
    const server = await openServer()
    const executor = remoteExecutor(server)
    onTestFinished(() => executor.close())
    const input: Record<string, unknown> = {}
    const spoilt = executor.execute(stepTask('take', input), taskControl())
    const refused = expect(spoilt).rejects.toMatchObject({ code: 'VALIDATION' })
    const sound = executor.execute(stepTask('take', {}), taskControl())
    input['self'] = input
    const worker = await registerRaw(
      server,
      'w-1',
      { protocol: 2 },
      { tasks: ['take'], maxConcurrentRequests: 1 },
    )
    const { requestId } = await worker.next('task_request')
    worker.send({ type: 'task_result', requestId, ok: true, value: 'taken' })
    expect(await sound).toBe('taken')
    await refused
  })
})

describe('a step whose logger or progress throws', () => {
  it('gets its result all the same', async () => {
    const { executor } = await open({
      task: (_input: unknown, { logger, progress }) => {
        logger.info('hear this')
        progress(0.5)
        return 'done'
      },
    })
    const fail = () => {
      throw new Error('nobody listens')
    }
    const logger = { debug: fail, info: fail, warn: fail, error: fail }
    expect(await executor.execute(stepTask('task'), taskControl({ logger, progress: fail }))).toBe('done')
  })
})

describe('a server whose logger throws', () => {
  it('goes on, whatever it has to tell', async () => {
    const fail = () => {
      throw new Error('the disk is full')
    }
    const server = await openServer({ logger: { debug: fail, info: fail, warn: fail, error: fail } })
    server.onWorkerMessage('news', fail)
    const worker = await registerRaw(server, 'w-1')
    worker.send({ type: 'error', code: 'X', message: 'I do not understand' })
    worker.send({ type: 'news' })
    worker.send({ type: 'heartbeat', workerId: 'w-1', timestamp: 'now' })
    await worker.next('heartbeat_ack')
  })
})

describe('a worker with more in hand than a registration can name', () => {
  it('comes back after a cut, and nothing is lost', async () => {
    const clock = simulatedClock()
    const server = await openServer({ clock, maxBufferedBytes: 64 * 1024 * 1024 })
    const executor = remoteExecutor(server)
    onTestFinished(() => executor.close())
    const proxy = await openTcpProxy(server.port!)
    onTestFinished(() => proxy.close())
    let open: () => void = () => {}
    const gate = new Promise<void>((resolve) => (open = resolve))
    const worker = new RemoteWorker({
      url: proxy.url,
      tasks: { wait: () => gate },
      maxConcurrentRequests: 20_000,
      reconnect: { minDelayMs: 1, maxDelayMs: 2 },
      logger: quietLogger(),
    })
    onTestFinished(() => worker.stop())
    await worker.start()
    const given = Array.from({ length: 20_000 }, () => executor.execute(stepTask('wait'), taskControl()))
    await until(() => worker.activeRequests === 20_000, 'all are in hand')
    proxy.cut()
    await until(() => worker.state === 'connecting', 'the cut was seen')
    await until(() => worker.state === 'connected', 'it is back')
    open()
    await Promise.all(given)
    expect(server.status().counters.resumedSessions).toBe(1)
  })
})
