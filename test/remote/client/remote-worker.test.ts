import { describe, expect, it, onTestFinished } from 'vitest'
import { WebSocketServer } from 'ws'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { WorkerServer, remoteExecutor } from 'busline/remote'
import { RemoteWorker, type RemoteWorkerOptions } from 'busline/remote/client'
import { simulatedClock } from 'busline/testing'
import { openFrameProxy } from '../frame-proxy.js'
import { openServer } from '../open-server.js'
import { quietLogger } from '../quiet-logger.js'
import { registerRaw, until, urlOf } from '../raw-client.js'
import { stepTask, taskControl } from '../step-task.js'

const FAST = { minDelayMs: 5, maxDelayMs: 20 }

function makeWorker(url: string, options: Partial<RemoteWorkerOptions> = {}): RemoteWorker {
  const worker = new RemoteWorker({ url, logger: quietLogger(), reconnect: FAST, ...options })
  onTestFinished(() => worker.stop())
  return worker
}

async function openProxy(server: WorkerServer) {
  const proxy = await openFrameProxy(urlOf(server), { random: () => 0.5 })
  onTestFinished(() => proxy.close())
  return proxy
}

/** A task that is told when to end, and counts how often it begins. */
function gatedTask() {
  const gates: (() => void)[] = []
  const begun: string[] = []
  return {
    begun,
    open: () => gates.splice(0).forEach((open) => open()),
    run: async (input: string) => {
      begun.push(input)
      await new Promise<void>((resolve) => gates.push(resolve))
      return `did ${input}`
    },
  }
}

interface TestMessage {
  readonly type: string
  readonly requestId?: string
}

describe('RemoteWorker', () => {
  it('registers with what it can do', async () => {
    const server = await openServer()
    const worker = makeWorker(urlOf(server), {
      workerId: 'w-1',
      workerName: 'First',
      tasks: { resize: () => 1 },
      maxConcurrentRequests: 3,
      concurrencyLimits: { heavy: 1 },
      metadata: { gpu: true },
      zone: 'north',
      weight: 2,
    })
    const states: string[] = []
    worker.onState((state) => states.push(state))
    await worker.start()
    expect(server.getWorkerInfo()).toMatchObject([
      {
        id: 'w-1',
        name: 'First',
        protocol: 2,
        capabilities: {
          tasks: ['resize'],
          maxConcurrentRequests: 3,
          concurrencyLimits: { heavy: 1 },
          metadata: { gpu: true },
          zone: 'north',
          weight: 2,
        },
      },
    ])
    await worker.stop()
    await until(() => server.getWorkerCount() === 0, 'it has left')
    expect(states).toEqual(['connecting', 'connected', 'stopped'])
    await worker.closed
  })

  it('waits for a server that is not there yet', async () => {
    const server = new WorkerServer({ logger: quietLogger() })
    await server.start()
    const port = server.port!
    await server.stop()
    const worker = makeWorker(`ws://127.0.0.1:${port}`)
    const started = worker.start()
    const later = await openServer({ port })
    await started
    expect(later.getWorkerCount()).toBe(1)
  })

  it('rejects start() when its token is wrong, and asks a function for it at each attempt', async () => {
    const server = await openServer({ authToken: 'right' })
    const wrong = makeWorker(urlOf(server), { token: 'wrong' })
    await expect(wrong.start()).rejects.toMatchObject({ code: 'UNAUTHORIZED' })
    expect(wrong.state).toBe('stopped')
    let token = 'right'
    const worker = makeWorker(urlOf(server), { token: () => Promise.resolve(token) })
    await worker.start()
    token = 'new'
    server.setTokens([{ token: 'new' }])
    await until(() => server.status().counters.registrations === 2, 'it has come back with the new token')
  })

  it('speaks with the standard WebSocket of a browser, too', async () => {
    const { WebSocket } = await import('ws')
    class Standard extends WebSocket {
      constructor(url: string) {
        super(url)
      }
    }
    const server = await openServer()
    const executor = remoteExecutor(server)
    const worker = makeWorker(urlOf(server), { tasks: { echo: (input) => input }, WebSocket: Standard })
    await worker.start()
    expect(await executor.execute(stepTask('echo', { a: 1 }), taskControl())).toEqual({ a: 1 })
    await executor.close()
  })

  it('masks nothing where nobody stands between, unless its socket is told to', async () => {
    const server = await openServer()
    let sent = ''
    const wire = createServer((near) => {
      const far = connect(server.port!, '127.0.0.1')
      near.on('data', (data: Buffer) => (sent += data.toString('latin1')))
      near.on('error', () => undefined).pipe(far)
      far.on('error', () => undefined).pipe(near)
    })
    await new Promise<void>((resolve) => wire.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void wire.close())
    const url = `ws://127.0.0.1:${(wire.address() as AddressInfo).port}`

    await makeWorker(url, { workerId: 'in-plain-text' }).start()
    expect(sent).toContain('in-plain-text')

    sent = ''
    // As `ws` does by itself.
    await makeWorker(url, { workerId: 'masked', socketOptions: { generateMask: undefined } }).start()
    expect(sent).toContain('Sec-WebSocket-Key')
    expect(sent).not.toContain('masked')
  })

  it('runs no more at once than it said, also per category, and the rest in order', async () => {
    const socket = new WebSocketServer({ port: 0, host: '127.0.0.1' })
    await once(socket, 'listening')
    onTestFinished(() => void socket.close())
    const begun: string[] = []
    const gates: (() => void)[] = []
    const results: unknown[] = []
    socket.on('connection', (peer) => {
      peer.on('message', (data: Buffer) => {
        const messages = data
          .toString('utf8')
          .split('\n')
          .map((line) => JSON.parse(line) as TestMessage)
        for (const { type, requestId } of messages) if (type === 'task_result') results.push(requestId)
        if (messages[0]?.type !== 'worker_registration') return
        peer.send(
          JSON.stringify({ type: 'worker_registration_ack', success: true, sessionId: 's', protocol: 2 }),
        )
        const step = {
          workflowId: '',
          pipelineId: '',
          stageId: '',
          stepId: '',
          timeoutMs: null,
          requires: {},
        }
        // A server that gives out more than was agreed on, and each twice.
        for (const [requestId, category] of [['a', 'heavy'], ['b', 'heavy'], ['c'], ['d']]) {
          const request = {
            type: 'task_request',
            requestId,
            task: 'work',
            runId: '',
            path: '',
            idempotencyKey: '',
            attempt: 1,
            input: requestId,
            step: { ...step, category },
          }
          for (let n = 0; n < 2; n++) peer.send(JSON.stringify(request))
        }
      })
    })
    const worker = makeWorker(`ws://127.0.0.1:${(socket.address() as AddressInfo).port}`, {
      maxConcurrentRequests: 2,
      concurrencyLimits: { heavy: 1 },
      tasks: {
        work: async (input: string) => {
          begun.push(input)
          await new Promise<void>((resolve) => gates.push(resolve))
        },
      },
    })
    await worker.start()
    await until(() => begun.length === 2, 'two run')
    expect(begun).toEqual(['a', 'c'])
    gates[1]!()
    await until(() => begun.length === 3, 'the next runs')
    expect(begun).toEqual(['a', 'c', 'd'])
    gates[0]!()
    await until(() => begun.length === 4, 'the last runs')
    gates[2]!()
    gates[3]!()
    await until(() => results.length === 4, 'all have ended')
    expect(begun).toEqual(['a', 'c', 'd', 'b'])
  })
})

describe('a frame of several requests', () => {
  it('says once which step they are of; a request on its own needs none', async () => {
    const socket = new WebSocketServer({ port: 0, host: '127.0.0.1' })
    await once(socket, 'listening')
    onTestFinished(() => void socket.close())
    const answers: unknown[] = []
    const request = (requestId: string, task: string, fields: object = {}) =>
      JSON.stringify({
        type: 'task_request',
        requestId,
        task,
        runId: 'run',
        path: `check/${requestId}`,
        idempotencyKey: requestId,
        attempt: 1,
        input: requestId,
        ...fields,
      })
    const step = (stepId: string) => ({
      step: {
        workflowId: 'w',
        pipelineId: 'p',
        stageId: 's',
        stepId,
        timeoutMs: null,
        requires: {},
      },
    })
    socket.on('connection', (peer) => {
      peer.on('message', (data: Buffer) => {
        for (const line of data.toString('utf8').split('\n')) {
          const { type, requestId, value } = JSON.parse(line) as TestMessage & Record<string, unknown>
          if (type === 'task_result') answers.push([requestId, value])
          if (type !== 'worker_registration') continue
          const welcome = {
            type: 'worker_registration_ack',
            success: true,
            sessionId: 's',
            protocol: 2,
            batches: true,
          }
          peer.send(JSON.stringify(welcome))
          peer.send(
            [
              request('a', 'one', step('first')),
              request('b', 'two'),
              request('c', 'two', step('second')),
              request('d', 'two'),
            ].join('\n'),
          )
          // The next frame begins anew. All that a server must say:
          peer.send(
            JSON.stringify({
              type: 'task_request',
              requestId: 'e',
              task: 'one',
              input: 'e',
              idempotencyKey: 'e',
              attempt: 1,
            }),
          )
        }
      })
    })
    const worker = makeWorker(`ws://127.0.0.1:${(socket.address() as AddressInfo).port}`, {
      tasks: {
        one: (input: string, { stepId, path }) => `${input} by one, ${stepId}, ${path}`,
        two: (input: string, { stepId, path }) => `${input} by two, ${stepId}, ${path}`,
      },
    })
    await worker.start()
    await until(() => answers.length === 5, 'all are answered')
    expect(answers).toHaveLength(5)
    expect(answers).toEqual(
      expect.arrayContaining([
        ['a', 'a by one, first, check/a'],
        ['b', 'b by two, first, check/b'],
        ['c', 'c by two, second, check/c'],
        ['d', 'd by two, second, check/d'],
        ['e', 'e by one, , '],
      ]),
    )
  })
})

describe('a cut connection', () => {
  it('is resumed: work in hand goes on, and its result arrives once', async () => {
    const server = await openServer()
    const proxy = await openProxy(server)
    const lost: unknown[] = []
    server.onWorkerDisconnected((...words) => lost.push(words))
    const task = gatedTask()
    const worker = makeWorker(proxy.url, { tasks: { work: task.run } })
    await worker.start()
    const executor = remoteExecutor(server)
    const result = executor.execute(stepTask('work', 'a'), taskControl())
    await until(() => task.begun.length === 1, 'it runs')
    proxy.cut()
    await until(() => worker.state === 'connecting', 'the worker notices')
    await until(() => server.status().counters.resumedSessions === 1, 'it is back')
    task.open()
    expect(await result).toBe('did a')
    expect(task.begun).toEqual(['a'])
    expect(lost).toEqual([])
    expect(server.status()).toMatchObject({ activeRequests: 0, counters: { registrations: 1 } })
    await executor.close()
  })

  it('loses no result that was made meanwhile, with what was told before it', async () => {
    const server = await openServer()
    const proxy = await openProxy(server)
    const task = gatedTask()
    const told: unknown[] = []
    const worker = makeWorker(proxy.url, {
      reconnect: { minDelayMs: 150, maxDelayMs: 150 },
      tasks: {
        work: async (input: string, { progress, logger }) => {
          const result = await task.run(input)
          progress(0.5, 'half')
          logger.info('done')
          return result
        },
      },
    })
    await worker.start()
    const executor = remoteExecutor(server)
    const control = taskControl({ progress: (...words) => told.push(words) })
    const result = executor.execute(stepTask('work', 'a'), control)
    await until(() => task.begun.length === 1, 'it runs')
    proxy.cut()
    await until(() => worker.state === 'connecting', 'the worker notices')
    task.open()
    await until(() => worker.activeRequests === 0, 'it has ended while nobody could hear it')
    expect(await result).toBe('did a')
    expect(told).toEqual([[0.5, 'half']])
    await executor.close()
  })

  it('that lost a request on its way has it given out again', async () => {
    const server = await openServer()
    const proxy = await openProxy(server)
    const task = gatedTask()
    const worker = makeWorker(proxy.url, { tasks: { work: task.run } })
    await worker.start()
    const executor = remoteExecutor(server)
    const result = executor.execute(stepTask('work', 'a', { attempt: 3 }), taskControl())
    // In the same turn: the request is in the proxy, and goes no further.
    await new Promise((resolve) => setImmediate(resolve))
    proxy.cut()
    await until(() => task.begun.length === 1, 'it runs')
    task.open()
    expect(await result).toBe('did a')
    await executor.close()
  })

  it('that lasts longer than the window loses the worker its requests, and it drops them when it is back', async () => {
    const server = await openServer({ resumeWindow: 30 })
    const proxy = await openProxy(server)
    const task = gatedTask()
    const signals: AbortSignal[] = []
    const worker = makeWorker(proxy.url, {
      reconnect: { minDelayMs: 300, maxDelayMs: 300 },
      tasks: {
        work: (input: string, { signal }) => {
          signals.push(signal)
          return task.run(input)
        },
      },
    })
    await worker.start()
    const executor = remoteExecutor(server)
    const attempts: unknown[] = []
    const other = makeWorker(urlOf(server), {
      tasks: {
        work: (_input: string, { attempt, idempotencyKey }) => attempts.push([attempt, idempotencyKey]),
      },
    })
    const order = stepTask('work', 'a')
    const result = executor.execute(order, taskControl())
    await until(() => task.begun.length === 1, 'it runs')
    proxy.cut()
    await until(() => server.getWorkerCount() === 0, 'it is given up')
    await other.start()
    expect(await result).toBe(1)
    expect(attempts).toEqual([[2, order.idempotencyKey]])
    await until(() => worker.state === 'connected', 'the first is back')
    expect(signals[0]!.aborted).toBe(true)
    task.open()
    await until(() => server.status().counters.strayMessages >= 1, 'what it still says concerns nobody')
    await executor.close()
  })

  it('is not resumed by somebody who only knows the id', async () => {
    const server = await openServer()
    const task = gatedTask()
    const worker = makeWorker(urlOf(server), { workerId: 'w-1', tasks: { work: task.run } })
    await worker.start()
    const impostor = await registerRaw(server, 'w-1', {
      protocol: 2,
      resume: { sessionId: 'guessed', inFlight: ['x'] },
    })
    expect(impostor.ack).toMatchObject({ success: true, resumed: false, awaited: [] })
    // Without tokens of their own, who registers last has the id; the former does not fight for it.
    await worker.closed
    expect(worker.state).toBe('stopped')
  })

  it('and a live worker keeps its id, where ids are not given away', async () => {
    const server = await openServer({ duplicateIds: 'refuse' })
    const worker = makeWorker(urlOf(server), { workerId: 'w-1' })
    await worker.start()
    const impostor = await registerRaw(server, 'w-1')
    expect(impostor.ack).toMatchObject({ success: false, error: 'Worker id "w-1" is in use' })
    expect(await impostor.closed).toMatchObject({ code: 1008 })
    expect(worker.state).toBe('connected')
  })
})

describe('a server that does not answer', () => {
  it('is left after two heartbeats without an answer', async () => {
    const clock = simulatedClock()
    const socket = new WebSocketServer({ port: 0, host: '127.0.0.1' })
    await once(socket, 'listening')
    onTestFinished(() => void socket.close())
    let heartbeats = 0
    let connections = 0
    socket.on('connection', (peer) => {
      connections++
      peer.on('message', (data: Buffer) => {
        if (data.toString('utf8').includes('"heartbeat"')) heartbeats++
        else
          peer.send(
            '{"type":"worker_registration_ack","success":true,"sessionId":"s","heartbeatIntervalMs":1000}',
          )
      })
    })
    const worker = makeWorker(`ws://127.0.0.1:${(socket.address() as AddressInfo).port}`, { clock })
    await worker.start()
    await clock.advance(2_000)
    await until(() => heartbeats === 2, 'two heartbeats')
    expect(worker.state).toBe('connected')
    await clock.advance(1_000)
    await until(() => worker.state === 'connecting', 'it gives up')
    await clock.advance(1_000)
    await until(() => connections === 2, 'it tries again')
  })

  it('is not left for heartbeats that are under way because there were many results', async () => {
    const clock = simulatedClock()
    const socket = new WebSocketServer({ port: 0, host: '127.0.0.1' })
    await once(socket, 'listening')
    onTestFinished(() => void socket.close())
    const seen = { heartbeat: 0, task_result: 0 } as Record<string, number>
    const request = { type: 'task_request', task: 'work', idempotencyKey: 'k', attempt: 1 }
    const welcome = { type: 'worker_registration_ack', success: true, sessionId: 's', protocol: 2 }
    socket.on('connection', (peer) => {
      peer.on('message', (data: Buffer) => {
        const { type } = JSON.parse(data.toString('utf8')) as TestMessage
        seen[type] = (seen[type] ?? 0) + 1
        if (type !== 'worker_registration') return
        peer.send(JSON.stringify({ ...welcome, heartbeatIntervalMs: 1000 }))
        for (let n = 0; n < 200; n++) peer.send(JSON.stringify({ ...request, requestId: `r-${n}` }))
      })
    })
    const { port } = socket.address() as AddressInfo
    const worker = makeWorker(`ws://127.0.0.1:${port}`, { clock, tasks: { work: () => 1 } })
    await worker.start()
    await until(() => seen['task_result'] === 200, 'all are done')
    expect(seen['heartbeat']).toBeGreaterThan(3)
    await clock.advance(1_000)
    expect(worker.state).toBe('connected')
  })
})

describe('draining', () => {
  it('by the server lets the worker finish, takes nothing more, and then it leaves', async () => {
    const server = await openServer()
    const task = gatedTask()
    const worker = makeWorker(urlOf(server), { workerId: 'w-1', tasks: { work: task.run } })
    await worker.start()
    const executor = remoteExecutor(server)
    const result = executor.execute(stepTask('work', 'a'), taskControl())
    await until(() => task.begun.length === 1, 'it runs')
    expect(server.drainWorker('w-1')).toBe(true)
    const next = executor.execute(stepTask('work', 'b'), taskControl())
    await until(() => worker.state === 'draining', 'it drains')
    expect(server.getWorkerInfo()[0]!.status).toBe('draining')
    task.open()
    expect(await result).toBe('did a')
    await worker.closed
    expect(task.begun).toEqual(['a'])
    const other = makeWorker(urlOf(server), { tasks: { work: (input) => input } })
    await other.start()
    expect(await next).toBe('b')
    await executor.close()
  })

  it('by stop({ drain }) loses nothing, with requests arriving all the time', async () => {
    const server = await openServer()
    const executor = remoteExecutor(server)
    const worker = makeWorker(urlOf(server), { tasks: { work: (input) => input } })
    await worker.start()
    const results: Promise<unknown>[] = []
    const feeding = setInterval(() => results.push(executor.execute(stepTask('work', 1), taskControl())), 1)
    await until(() => results.length > 20, 'it is busy')
    await worker.stop({ drain: true })
    clearInterval(feeding)
    const other = makeWorker(urlOf(server), { tasks: { work: (input) => input } })
    await other.start()
    expect(new Set(await Promise.all(results))).toEqual(new Set([1]))
    expect(server.status().counters.requestsLost).toBe(0)
    await executor.close()
  })

  it('ends at once when the server has stopped: it has given up what was in hand', async () => {
    const server = await openServer()
    const task = gatedTask()
    const worker = makeWorker(urlOf(server), { tasks: { work: task.run, quick: () => 1 } })
    await worker.start()
    const executor = remoteExecutor(server)
    expect(await executor.execute(stepTask('quick'), taskControl())).toBe(1)
    await server.stop()
    await until(() => worker.state === 'connecting', 'the worker notices')
    await worker.stop({ drain: true, timeout: '1h' })
    expect(worker.state).toBe('stopped')
    await executor.close()
  })
})
