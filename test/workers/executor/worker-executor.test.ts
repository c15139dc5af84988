import type { StepTask, TaskControl } from 'busline'
import { SystemError, isSystemError } from 'busline'
import { simulatedClock } from 'busline/testing'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { type WorkerExecutorOptions, workerExecutor } from '../../../src/workers/executor/worker-executor.js'
import { inProcessHost } from '../../../src/workers/hosts/in-process-host.js'
import { nodeHost } from '../../../src/workers/hosts/node-host.js'
import { transfer } from '../../../src/workers/messages/transfer.js'
import type { WorkerScript } from '../../../src/workers/worker/serve-port.js'
import { WorkerManager } from '../../../src/workers/manager/worker-manager.js'
import type { WorkerManagerOptions } from '../../../src/workers/manager/worker-manager-options.js'
import { bundleScript } from '../fixtures/bundle-script.js'

const script = await bundleScript('../scripts/task-worker.ts')
afterAll(script.remove)
const silent = { debug() {}, info() {}, warn() {}, error() {} }
const managers: WorkerManager[] = []
afterEach(async () => {
  for (const manager of managers.splice(0)) await manager.close()
})

async function open(
  host: WorkerManagerOptions['host'],
  workers: number,
  {
    executor,
    ...options
  }: Partial<WorkerManagerOptions> & { readonly executor?: WorkerExecutorOptions } = {},
) {
  const manager = new WorkerManager({ host, maxWorkers: workers, logger: silent, ...options })
  managers.push(manager)
  for (let count = 0; count < workers; count++) await manager.addWorker()
  return { manager, executor: workerExecutor(manager, executor) }
}
const threads = (workers: number, options?: Parameters<typeof open>[2]) =>
  open(nodeHost(script.url), workers, options)
const inProcess = (tasks: WorkerScript['tasks'], workers: number, options?: Parameters<typeof open>[2]) =>
  open(inProcessHost({ tasks: tasks! }), workers, options)

let count = 0
function order(task: string, input: unknown = null, more: Partial<StepTask> = {}): StepTask {
  const id = ++count
  return {
    task,
    input,
    runId: `run-${id}`,
    workflowId: 'w',
    pipelineId: 'main',
    stageId: 's',
    stepId: task,
    path: `s/${task}`,
    attempt: 1,
    idempotencyKey: `run-${id}/s/1/${task}`,
    timeoutMs: Infinity,
    requires: {},
    key: undefined,
    ...more,
  }
}

function control(signal = new AbortController().signal, progress: () => void = () => {}): TaskControl {
  return { signal, logger: silent, progress }
}

async function codeOf(act: Promise<unknown>): Promise<string> {
  try {
    return `it gave ${JSON.stringify(await act)}`
  } catch (error) {
    return isSystemError(error) ? error.code : `no SystemError: ${String(error)}`
  }
}

describe('workerExecutor: a thread that is lost', () => {
  for (const [what, task] of [
    ['exits', 'exit'],
    ['fills its heap', 'leak'],
  ] as const) {
    it(`fails the task of a thread that ${what} with UNAVAILABLE, and the next attempt runs elsewhere`, async () => {
      const { executor } = await threads(2, { resourceLimits: { maxOldGenerationSizeMb: 32 } })
      expect(await codeOf(executor.execute(order(task), control()))).toBe('UNAVAILABLE')
      expect(await executor.execute(order('echo', 'still here'), control())).toBe('still here')
    })
  }

  it('ends a thread in an endless loop when the step gives up, and fails its other tasks with UNAVAILABLE', async () => {
    const { executor } = await threads(1, { executor: { cancelTimeout: 100 } })
    const controller = new AbortController()
    let onBegun = () => {}
    const begun = new Promise<void>((resolve) => (onBegun = resolve))
    const looping = codeOf(executor.execute(order('loop'), control(controller.signal, onBegun)))
    await begun
    const beside = codeOf(executor.execute(order('echo', 1), control()))
    controller.abort()
    expect(await looping).toMatch(/^no SystemError: AbortError/)
    expect(await beside).toBe('UNAVAILABLE')
    // The supervisor puts another thread in its place; the task waits for it.
    expect(await executor.execute(order('echo', 2), control())).toBe(2)
  })

  it('frees the room of a task that ignores its end, as long as its thread lives', async () => {
    const { executor } = await threads(1, { executor: { tasksPerWorker: 1 } })
    for (const task of ['silent', 'unhandled']) {
      const controller = new AbortController()
      const hanging = executor.execute(order(task), control(controller.signal))
      const next = executor.execute(order('echo', task), control())
      controller.abort()
      await expect(hanging).rejects.toThrow('aborted')
      expect(await next).toBe(task)
    }
  })

  it('gives up with UNAVAILABLE when no worker comes, and leaves no timer', async () => {
    const clock = simulatedClock()
    const manager = new WorkerManager({
      host: inProcessHost({ tasks: { echo: (input: unknown) => input } }),
      maxWorkers: 1,
      clock,
      heartbeat: false,
      logger: silent,
    })
    managers.push(manager)
    await manager.close()
    const executor = workerExecutor(manager, { clock, workerTimeout: '5s' })
    let code: string | undefined
    void codeOf(executor.execute(order('echo'), control())).then((it) => (code = it))
    await clock.advance(4900)
    expect(code).toBeUndefined()
    await clock.advance(2000)
    expect(code).toBe('UNAVAILABLE')
    expect(clock.pendingTimers).toBe(0)
  })
})

describe('workerExecutor: room', () => {
  const gates = () => {
    const opens = new Map<number, () => void>()
    const started: number[] = []
    const wait = (id: number) =>
      new Promise<number>((resolve) => {
        started.push(id)
        opens.set(id, () => resolve(id))
      })
    return { opens, started, wait }
  }
  const settle = () => new Promise((resolve) => setTimeout(resolve, 5))

  it('sends a task to the worker that has the fewest', async () => {
    const { executor } = await threads(2)
    const at = await Promise.all([1, 2, 3, 4].map(() => executor.execute(order('wait', 20), control())))
    expect(new Set(at).size).toBe(2)
    expect(at.filter((id) => id === at[0])).toHaveLength(2)
  })

  it('keeps `tasksPerWorker` on a worker, queues `maxQueued`, and refuses the rest with CAPACITY', async () => {
    const { opens, started, wait } = gates()
    const { executor } = await inProcess({ wait }, 1, { executor: { tasksPerWorker: 2, maxQueued: 2 } })
    const running = [1, 2, 3, 4].map((id) => executor.execute(order('wait', id), control()))
    expect(await codeOf(executor.execute(order('wait', 5), control()))).toBe('CAPACITY')
    await settle()
    expect(started).toEqual([1, 2])
    opens.get(2)!()
    await running[1]
    await settle()
    expect(started).toEqual([1, 2, 3])
    for (const id of [1, 3]) opens.get(id)!()
    await settle()
    opens.get(4)!()
    expect(await Promise.all(running)).toEqual([1, 2, 3, 4])
  })

  it('forgets a queued task that is aborted', async () => {
    const { opens, started, wait } = gates()
    const { executor } = await inProcess({ wait }, 1, { executor: { tasksPerWorker: 1, maxQueued: 1 } })
    const first = executor.execute(order('wait', 1), control())
    const controller = new AbortController()
    const second = executor.execute(order('wait', 2), control(controller.signal))
    controller.abort()
    await expect(second).rejects.toThrow('aborted')
    const third = executor.execute(order('wait', 3), control())
    await settle()
    opens.get(1)!()
    await first
    await settle()
    opens.get(3)!()
    await third
    expect(started).toEqual([1, 3])
  })

  it('adds workers while all are busy, as far as the manager allows', async () => {
    const manager = new WorkerManager({
      host: nodeHost(script.url),
      maxWorkers: 3,
      logger: silent,
    })
    managers.push(manager)
    const executor = workerExecutor(manager, { tasksPerWorker: 1 })
    const at = await Promise.all(
      Array.from({ length: 12 }, () => executor.execute(order('wait', 30), control())),
    )
    expect(at).toHaveLength(12)
    expect(manager.registry.getWorkersMap().size).toBe(3)
    expect(new Set(at).size).toBeGreaterThan(1)
  })

  it('tries a task that failed on another worker', async () => {
    const places: string[] = []
    let name = 0
    const manager = new WorkerManager({
      host: {
        kind: 'inProcess',
        open: (options) => {
          const here = `host-${++name}`
          const fail = () => {
            places.push(here)
            throw new Error('not here')
          }
          return inProcessHost({ tasks: { fail } }).open(options)
        },
      },
      maxWorkers: 2,
      logger: silent,
    })
    managers.push(manager)
    await manager.addWorker()
    await manager.addWorker()
    const executor = workerExecutor(manager)
    const first = order('fail')
    await codeOf(executor.execute(first, control()))
    await codeOf(executor.execute({ ...first, attempt: 2 }, control()))
    expect(new Set(places).size).toBe(2)
  })
})

describe('workerExecutor: what travels', () => {
  it('moves buffers there and back instead of copying them', async () => {
    const { executor } = await threads(1)
    const numbers = Float64Array.of(1, 2, 3)
    const result = await executor.execute(order('double', transfer(numbers, [numbers.buffer])), control())
    expect(result).toEqual(Float64Array.of(2, 4, 6))
    expect(numbers.byteLength).toBe(0)
  })

  it('never takes a buffer that has moved before for an empty one', async () => {
    const { executor } = await threads(1)
    const buffer = new ArrayBuffer(8)
    const input = transfer({ deep: { buffer } }, [buffer])
    const both = [1, 2].map(() => codeOf(executor.execute(order('echo', input), control())))
    expect(await Promise.all(both)).toEqual([expect.stringContaining('it gave'), 'VALIDATION'])
    await expect(executor.execute(order('echo', input), control())).rejects.toThrow('"input.deep.buffer"')
    // The same of a result that a task gives twice.
    expect(await executor.execute(order('same'), control())).toEqual({ kept: new ArrayBuffer(8) })
    await expect(executor.execute(order('same'), control())).rejects.toThrow('"result.kept"')
  })

  it('moves the buffers of a value that is frozen, or said twice to move, and changes nothing else in it', async () => {
    const { executor } = await threads(1)
    const [first, second] = [new ArrayBuffer(8), new ArrayBuffer(16)]
    const input = transfer({ first, second }, [first])
    expect(Reflect.ownKeys(transfer(input, [first, second]))).toEqual(['first', 'second'])
    expect(await executor.execute(order('echo', input), control())).toEqual({
      first: new ArrayBuffer(8),
      second: new ArrayBuffer(16),
    })
    expect([first.byteLength, second.byteLength]).toEqual([0, 0])
    const kept = new ArrayBuffer(8)
    await executor.execute(order('echo', transfer(Object.freeze({ kept }), [kept])), control())
    expect(kept.byteLength).toBe(0)
  })

  it('names the path of what cannot travel, and lets the tasks beside it go', async () => {
    const { executor } = await threads(1)
    const inputs = [1, { list: [{ call: () => 1 }] }, 3]
    const settled = await Promise.allSettled(
      inputs.map((input) => executor.execute(order('echo', input), control())),
    )
    expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect((settled[1] as PromiseRejectedResult).reason).toMatchObject({
      code: 'VALIDATION',
      context: { path: 'input.list.0.call' },
    })
  })
})

describe('workerExecutor: the end of an attempt', () => {
  /** A control as the engine gives it: its signal is made for who asks for it. */
  function engineControl() {
    const listeners: ((reason: unknown) => void)[] = []
    let reason: unknown
    return {
      control: {
        get signal(): AbortSignal {
          throw new Error('Nobody needs the signal')
        },
        onAbort: (listener: (reason: unknown) => void) => {
          if (reason === undefined) listeners.push(listener)
          else listener(reason)
        },
        logger: silent,
        progress() {},
      },
      abort: (because: unknown) => {
        reason = because
        for (const listener of listeners) listener(reason)
      },
    }
  }
  const late = new SystemError('TIMEOUT', 'Too late')

  it('is heard without a signal: of a task under way, of one that waits, and of one that was never wanted', async () => {
    const { executor } = await inProcess(
      { silent: () => new Promise(() => {}), echo: (input: unknown) => input },
      1,
      {
        executor: { tasksPerWorker: 1 },
      },
    )
    const [running, waiting, unwanted] = [engineControl(), engineControl(), engineControl()]
    const first = executor.execute(order('silent'), running.control)
    const second = executor.execute(order('echo', 'waits'), waiting.control)
    waiting.abort(late)
    await expect(second).rejects.toBe(late)
    unwanted.abort(late)
    await expect(executor.execute(order('echo', 'unwanted'), unwanted.control)).rejects.toBe(late)
    running.abort(late)
    await expect(first).rejects.toBe(late)
    expect(await executor.execute(order('echo', 'after'), engineControl().control)).toBe('after')
  })

  it('changes nothing for a task that has ended before', async () => {
    const { executor, manager } = await inProcess({ echo: (input: unknown) => input }, 1)
    const { control: ended, abort } = engineControl()
    expect(await executor.execute(order('echo', 1), ended)).toBe(1)
    abort(late)
    expect(manager.registry.available()[0]!.activeTasks).toBe(0)
    expect(await executor.execute(order('echo', 2), engineControl().control)).toBe(2)
  })
})

it('workerExecutor: two executors share the workers of a manager, and each gets its own results', async () => {
  const { executor, manager } = await inProcess({ echo: (input: unknown) => input }, 1)
  const other = workerExecutor(manager)
  const inputs = [1, 2, 3, 4]
  const results = await Promise.all(
    inputs.flatMap((input) => [
      executor.execute(order('echo', `one ${input}`), control()),
      other.execute(order('echo', `other ${input}`), control()),
    ]),
  )
  expect(results).toEqual(inputs.flatMap((input) => [`one ${input}`, `other ${input}`]))
  await other.close()
})
