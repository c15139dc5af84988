import { describe, expect, it, onTestFinished } from 'vitest'
import { MemoryTimelineStore, SystemError, WorkflowRuntime, createEventBus } from 'busline'
import {
  type WorkerServer,
  type WorkerServerOptions,
  remoteExecutor,
  type RemoteExecutorOptions,
} from 'busline/remote'
import { RemoteWorker, type RemoteWorkerOptions } from 'busline/remote/client'
import { simulatedClock } from 'busline/testing'
import { openServer } from '../open-server.js'
import { quietLogger } from '../quiet-logger.js'
import { registerRaw, until, urlOf } from '../raw-client.js'
import { stepTask, taskControl } from '../step-task.js'

async function open(options: RemoteExecutorOptions = {}, serverOptions: WorkerServerOptions = {}) {
  const server = await openServer(serverOptions)
  const executor = remoteExecutor(server, options)
  onTestFinished(() => executor.close())
  return { server, executor }
}

async function join(server: WorkerServer, options: Partial<RemoteWorkerOptions>): Promise<RemoteWorker> {
  const worker = new RemoteWorker({ url: urlOf(server), logger: quietLogger(), ...options })
  onTestFinished(() => worker.stop())
  await worker.start()
  return worker
}

function gate() {
  let open = () => {}
  const opened = new Promise<void>((resolve) => (open = resolve))
  return { open, opened }
}

describe('the queue of remoteExecutor()', () => {
  it('waits for a worker, and serves keys in turn', async () => {
    const { server, executor } = await open()
    const served: string[] = []
    const results = ['a', 'a', 'a', 'b', 'b', 'c'].map((key) =>
      executor.execute(stepTask('work', key, { key }), taskControl()),
    )
    expect(executor.queued).toBe(6)
    await join(server, { maxConcurrentRequests: 1, tasks: { work: (key: string) => served.push(key) } })
    await Promise.all(results)
    expect(served.join('')).toBe('abcaba')
  })

  it('serves higher priorities first', async () => {
    const { server, executor } = await open()
    const served: number[] = []
    const results = [0, 5, -1, 5, 9].map((priority) =>
      executor.execute(stepTask('work', priority, { requires: { priority } }), taskControl()),
    )
    await join(server, {
      maxConcurrentRequests: 1,
      tasks: { work: (priority: number) => served.push(priority) },
    })
    await Promise.all(results)
    expect(served).toEqual([9, 5, 5, 0, -1])
  })

  it('is bounded, and says so', async () => {
    const { executor } = await open({ maxQueued: 2 })
    const waiting = [1, 2].map((n) => executor.execute(stepTask('work', n), taskControl()))
    await expect(executor.execute(stepTask('work', 3), taskControl())).rejects.toMatchObject({
      code: 'CAPACITY',
      context: { task: 'work', maxQueued: 2 },
    })
    await executor.close()
    for (const each of waiting) await expect(each).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  })

  it('lets what waits for a rare worker hold up nothing else', async () => {
    const { server, executor } = await open()
    await join(server, { tasks: { work: (input) => input } })
    const rare = executor.execute(
      stepTask('work', 1, { requires: { metadata: { gpu: true } } }),
      taskControl(),
    )
    expect(await executor.execute(stepTask('work', 2), taskControl())).toBe(2)
    expect(executor.queued).toBe(1)
    await join(server, { metadata: { gpu: true }, tasks: { work: () => 'on the rare one' } })
    expect(await rare).toBe('on the rare one')
  })

  it('waits for so long and no longer: UNAVAILABLE when nobody was free, NOT_FOUND when nobody knows the task', async () => {
    const clock = simulatedClock()
    const { server, executor } = await open(
      { clock, queueTimeout: '30s', unknownTaskTimeout: '5s' },
      { clock },
    )
    const fault = (task: string) =>
      executor.execute(stepTask(task), taskControl()).then(
        () => 'done',
        (error: SystemError) => error.code,
      )
    const lonely = fault('work')
    await clock.advance('29s')
    expect(executor.queued).toBe(1)
    await clock.advance('1s')
    expect(await lonely).toBe('UNAVAILABLE')
    await registerRaw(server, 'w-1', { protocol: 2 }, { tasks: ['work'], maxConcurrentRequests: 0 })
    const full = fault('work')
    const unknown = fault('paint')
    await clock.advance('5s')
    expect(await unknown).toBe('NOT_FOUND')
    await clock.advance('24s')
    expect(executor.queued).toBe(1)
    await clock.advance('1s')
    expect(await full).toBe('UNAVAILABLE')
    expect(executor.queued).toBe(0)
  })

  it('goes to workers of what is required, and refuses requirements that are none', async () => {
    const { server, executor } = await open()
    const model = { displayName: '', maxContextTokens: 1, maxOutputTokens: 1, supportsStreaming: true }
    await join(server, { models: [{ ...model, modelId: 'llama' }], tasks: { ask: () => 'llama' } })
    await join(server, {
      models: [{ ...model, modelId: 'mistral' }],
      zone: 'north',
      tasks: { ask: () => 'mistral' },
    })
    const ask = (requires: object) =>
      executor.execute(stepTask('ask', null, { requires: { ...requires } }), taskControl())
    expect(await ask({ model: 'llama' })).toBe('llama')
    expect(await ask({ model: 'mistral' })).toBe('mistral')
    expect(await ask({ zone: 'north' })).toBe('mistral')
    for (const [requires, path] of [
      [{ modle: 'x' }, 'requires.modle'],
      [{ model: 7 }, 'requires.model'],
      [{ priority: 'high' }, 'requires.priority'],
      [{ metadata: { a: {} } }, 'requires.metadata'],
    ] as const) {
      await expect(ask(requires)).rejects.toMatchObject({ code: 'VALIDATION', context: { path } })
    }
  })
})

describe('a request of remoteExecutor()', () => {
  it('goes to another worker when its own is lost, with the same key and the next attempt, and not for ever', async () => {
    const { server, executor } = await open({ maxDispatches: 3 })
    const seen: unknown[] = []
    const order = stepTask('work', null, { attempt: 4 })
    const result = executor.execute(order, taskControl())
    for (let n = 0; n < 3; n++) {
      const worker = await registerRaw(server, `w-${n}`, { protocol: 2 }, { tasks: ['work'] })
      const request = await worker.next('task_request')
      seen.push([request['attempt'], request['idempotencyKey']])
      worker.socket.close(1000)
    }
    await expect(result).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      context: { task: 'work', workerId: 'w-2' },
    })
    expect(seen).toEqual([4, 5, 6].map((attempt) => [attempt, order.idempotencyKey]))
    expect(executor.status().redispatched).toBe(2)
  })

  it('is one message a frame with all there is to say, unless the worker reads several', async () => {
    const { server, executor } = await open()
    const capabilities = { tasks: ['work'], maxConcurrentRequests: 3 }
    const framesOf = async (workerId: string, more: object) => {
      const worker = await registerRaw(server, workerId, { protocol: 2, ...more }, capabilities)
      const frames: string[] = []
      worker.socket.on('message', (data: Buffer) => frames.push(data.toString('utf8')))
      const results = [1, 2, 3].map((input) =>
        executor.execute(stepTask('work', input, { idempotencyKey: `key ${input}` }), taskControl()),
      )
      const requests = [await worker.next('task_request'), await worker.next('task_request')]
      requests.push(await worker.next('task_request'))
      for (const { requestId } of requests) worker.send({ type: 'task_result', requestId, ok: true })
      await Promise.all(results)
      worker.socket.close(1000)
      await until(() => server.getWorkerCount() === 0, 'it is gone')
      return frames
    }
    const frames = await framesOf('plain', {})
    expect(frames.map((frame) => JSON.parse(frame) as object)).toMatchObject(
      [1, 2, 3].map((input) => {
        return {
          type: 'task_request',
          task: 'work',
          input,
          idempotencyKey: `key ${input}`,
          attempt: 1,
          step: {},
        }
      }),
    )
    expect(await framesOf('batches', { batches: true })).toHaveLength(1)
    await executor.close()
  })

  it('takes the first answer, and only of the worker that has it', async () => {
    const { server, executor } = await open()
    const result = executor.execute(stepTask('work'), taskControl())
    const first = await registerRaw(server, 'w-1', { protocol: 2 }, { tasks: ['work'] })
    const old = await first.next('task_request')
    const second = await registerRaw(server, 'w-1', { protocol: 2 }, { tasks: ['work'] })
    const request = await second.next('task_request')
    expect(request['requestId']).not.toBe(old['requestId'])
    second.send({ type: 'task_result', requestId: old['requestId'], ok: true, value: 'of another life' })
    second.send({ type: 'task_result', requestId: request['requestId'], ok: true, value: 'first' })
    second.send({ type: 'task_result', requestId: request['requestId'], ok: true, value: 'second' })
    expect(await result).toBe('first')
    await until(() => server.status().counters.strayMessages === 2, 'the others were counted')
    expect(server.getWorkerInfo()[0]!.completedRequests).toBe(1)
  })

  it('times out here and over there, and keeps its slot until the worker has let go', async () => {
    const { server, executor } = await open()
    const gates = [gate(), gate()]
    const reasons: unknown[] = []
    await join(server, {
      maxConcurrentRequests: 1,
      tasks: {
        work: async (n: number, { signal }) => {
          signal.addEventListener('abort', () => reasons.push((signal.reason as SystemError).code))
          await gates[n]!.opened
          return n
        },
      },
    })
    const late = executor.execute(stepTask('work', 0, { timeoutMs: 30 }), taskControl())
    await expect(late).rejects.toMatchObject({ code: 'TIMEOUT' })
    const next = executor.execute(stepTask('work', 1), taskControl())
    await until(() => reasons.length === 1, 'the task was told')
    expect(reasons).toEqual(['TIMEOUT'])
    expect(executor.queued).toBe(1)
    gates[0]!.open()
    gates[1]!.open()
    expect(await next).toBe(1)
  })

  it('that ignores its cancelling gives its slot back after the grace', async () => {
    const { server, executor } = await open()
    await join(server, {
      maxConcurrentRequests: 1,
      cancelGrace: 20,
      tasks: { hang: () => new Promise(() => {}), echo: (input) => input },
    })
    const controller = new AbortController()
    const hanging = executor.execute(stepTask('hang'), taskControl({ signal: controller.signal }))
    const next = executor.execute(stepTask('echo', 1), taskControl())
    controller.abort(new SystemError('ABORTED', 'Not wanted'))
    await expect(hanging).rejects.toMatchObject({ message: 'Not wanted' })
    expect(await next).toBe(1)
  })

  it('brings a result of any size, in chunks that keep every character', async () => {
    const { server, executor } = await open({}, { maxMessageBytes: 64 * 1024 })
    const value = {
      text: '€"\\\u0000🚌\ud800\n'.repeat(40_000),
      list: Array.from({ length: 1000 }, (_, n) => n),
    }
    await join(server, { tasks: { big: () => value } })
    expect(await executor.execute(stepTask('big'), taskControl())).toEqual(value)
    expect(server.status().counters.messagesReceived).toBeGreaterThan(20)
  })

  it('whose result is larger than allowed fails with CAPACITY, and the worker lives on', async () => {
    const { server, executor } = await open({}, { maxResultBytes: 1_000_000 })
    await join(server, { tasks: { big: () => 'x'.repeat(1_500_000), echo: (input) => input } })
    await expect(executor.execute(stepTask('big'), taskControl())).rejects.toMatchObject({
      code: 'CAPACITY',
      context: { maxResultBytes: 1_000_000 },
    })
    expect(await executor.execute(stepTask('echo', 1), taskControl())).toBe(1)
  })

  it('is refused by a server that is not running, and ended by one that stops', async () => {
    const { server, executor } = await open()
    const queued = executor.execute(stepTask('nobody-knows'), taskControl())
    const worker = await registerRaw(server, 'w-1', { protocol: 2 }, { tasks: ['work'] })
    const running = executor.execute(stepTask('work'), taskControl())
    await worker.next('task_request')
    await Promise.all([
      server.stop(),
      expect(queued).rejects.toMatchObject({ code: 'UNAVAILABLE' }),
      expect(running).rejects.toMatchObject({ code: 'UNAVAILABLE' }),
    ])
    await expect(executor.execute(stepTask('work'), taskControl())).rejects.toMatchObject({
      code: 'UNAVAILABLE',
    })
    await server.start()
    const again = executor.execute(stepTask('work'), taskControl())
    await join(server, { tasks: { work: () => 'served again' } })
    expect(await again).toBe('served again')
  })
})

describe('a workflow with remote steps', () => {
  it('has progress and logs of its tasks on its timeline, and survives the loss of a worker', async () => {
    const { server, executor } = await open()
    const timelineStore = new MemoryTimelineStore()
    const runtime = new WorkflowRuntime({
      bus: createEventBus(),
      timelineStore,
      executors: { remote: executor },
      logger: quietLogger(),
    })
    onTestFinished(() => runtime.stop())
    await runtime.register({
      id: 'images',
      triggers: { added: { event: 'image:added' } },
      pipelines: {
        main: {
          id: 'main',
          stages: [
            {
              id: 'resize',
              steps: {
                small: {
                  task: 'resize',
                  requires: { zone: 'north' },
                  input: () => ({ width: 100 }),
                  output: (result: unknown) => ({ small: result }),
                },
              },
            },
          ],
        },
      },
    })
    const doomed = await registerRaw(server, 'doomed', { protocol: 2 }, { tasks: ['resize'], zone: 'north' })
    const run = runtime.invoke('images', 'added', { id: 1 })
    await doomed.next('task_request')
    doomed.socket.close(1000)
    await join(server, {
      tasks: {
        resize: ({ width }: { width: number }, { progress, logger, attempt }) => {
          progress(0.5, 'half way')
          logger.info('resizing', { width })
          return { width, attempt }
        },
      },
    })
    const result = await run
    expect(result).toMatchObject({ ok: true, value: { state: { small: { width: 100, attempt: 2 } } } })
    const events = await timelineStore.getEvents(result.metadata.runId)
    expect(events.find(({ type }) => type === 'step:progress')).toMatchObject({
      payload: { fraction: 0.5, message: 'half way' },
    })
    expect(events.find(({ type }) => type === 'log:info')).toMatchObject({
      payload: { message: 'resizing', data: { width: 100 } },
    })
  })
})
