import { MemoryTimelineStore, WorkflowRuntime, createEventBus, workflow } from 'busline'
import { type WorkerExecutorOptions, WorkerManager, transfer, workerExecutor } from 'busline/workers'
import { nodeHost } from 'busline/workers/node'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { bundleScript } from '../fixtures/bundle-script.js'
import { silent } from '../hosts/host-kit.js'

interface Shop {
  'order:placed': { prices: number[] }
}

const script = await bundleScript('../scripts/task-worker.ts')
afterAll(script.remove)
const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

/** A runtime whose tasks run on threads of Node. */
async function setUp(workers: number, options: WorkerExecutorOptions = {}) {
  const manager = new WorkerManager({ host: nodeHost(script.url), maxWorkers: workers, logger: silent })
  closers.push(() => manager.close())
  for (let count = 0; count < workers; count++) await manager.addWorker()
  const threads = workerExecutor(manager, options)
  const timelineStore = new MemoryTimelineStore()
  const bus = createEventBus<Shop>()
  const runtime = new WorkflowRuntime<Shop>({ bus, executors: { threads }, timelineStore, logger: silent })
  closers.push(() => runtime.stop())
  return { manager, runtime, timelineStore }
}

const order = () => workflow<Shop>()('order', { on: 'order:placed' })
const ask = (runtime: WorkflowRuntime<Shop>, id = 'order') =>
  runtime.invoke(id, 'order:placed', { prices: [1, 2, 3] })

describe('a runtime whose tasks run on threads', () => {
  it('moves buffers there and back between two steps, and its own state stays whole', async () => {
    const { runtime } = await setUp(1)
    const sent: Float64Array[] = []
    await runtime.register(
      order()
        .task('double', {
          task: 'double',
          input: ({ state }) => {
            const numbers = Float64Array.from(state.prices)
            sent.push(numbers)
            return transfer(numbers, [numbers.buffer])
          },
          output: (doubled: Float64Array) => ({ doubled: [...doubled] }),
        })
        .step('sum', ({ state }) => ({ sum: state.doubled.reduce((sum, each) => sum + each, 0) }))
        .build(),
    )
    const result = await ask(runtime)
    expect(result).toMatchObject({ ok: true, value: { state: { prices: [1, 2, 3], sum: 12 } } })
    expect(sent[0]!.byteLength).toBe(0)
  })

  it('tells a task of its timeout and of the abort of its run, and its thread goes on', async () => {
    const { runtime, manager } = await setUp(1)
    const keys: string[] = []
    const active = () => manager.registry.available()[0]?.activeTasks
    const hanging = (id: string, options: { timeout?: number }) =>
      workflow<Shop>()(id, { on: 'order:placed' })
        .task('wait', {
          task: 'until-aborted',
          input: ({ idempotencyKey }) => void keys.push(idempotencyKey),
          ...options,
        })
        .build()
    await runtime.register(hanging('hasty', { timeout: 300 }))
    expect(await ask(runtime, 'hasty')).toMatchObject({ ok: false, error: { errors: [{ code: 'TIMEOUT' }] } })

    await runtime.register(hanging('patient', {}))
    await expect.poll(active).toBe(0)
    const running = ask(runtime, 'patient')
    await expect.poll(active).toBe(1)
    const { runId } = runtime.listAllRuns().find(({ status }) => status === 'running')!
    expect(await runtime.abort(runId, 'not needed')).toMatchObject({ ok: true })
    expect(await running).toMatchObject({ ok: false, metadata: { status: 'aborted' } })

    for (const [index, key] of keys.entries()) {
      const id = `asking-${index}`
      await runtime.register(
        workflow<Shop>()(id, { on: 'order:placed' })
          .task('ask', {
            task: 'was-aborted',
            input: () => key,
            output: (wasAborted: boolean) => ({ wasAborted }),
          })
          .build(),
      )
      const wasAborted = async () => {
        const asked = await ask(runtime, id)
        return asked.ok && asked.value.state
      }
      await expect.poll(wasAborted).toMatchObject({ wasAborted: true })
    }
    expect(keys).toHaveLength(2)
    expect(await manager.getWorkersCore()).toHaveLength(1)
  })

  it('tries a step again on another thread when the thread is lost, under the same idempotency key', async () => {
    const { runtime, timelineStore, manager } = await setUp(2)
    const lost: string[] = []
    manager.on('workerExit', ({ workerId }) => lost.push(workerId))
    await runtime.register(order().task('fragile', { task: 'exitAtFirst', retry: 1 }).build())
    const result = await ask(runtime)
    expect(result).toMatchObject({ ok: true, value: { state: { attempt: 2 } } })
    expect(lost).toHaveLength(1)
    await runtime.stop({ drain: true })
    const events = await timelineStore.getEvents(result.metadata.runId)
    expect(events.find(({ type }) => type === 'step:retry')?.payload).toMatchObject({
      error: { code: 'UNAVAILABLE' },
    })
  })

  it('has the progress and the logs of a thread on its timeline', async () => {
    const { runtime, timelineStore } = await setUp(1)
    await runtime.register(
      order()
        .task('tell', { task: 'tell', input: () => 'half way' })
        .build(),
    )
    const { metadata } = await ask(runtime)
    await runtime.stop({ drain: true })
    const events = await timelineStore.getEvents(metadata.runId)
    const find = (type: string) => events.find((event) => event.type === type)?.payload
    expect(find('step:start')).toMatchObject({ task: 'tell' })
    expect(find('step:progress')).toMatchObject({ fraction: 0.5, message: 'half way' })
    expect(find('log:warn')).toMatchObject({
      message: 'half way',
      data: { threadId: expect.any(Number) as number },
    })
  })

  it('fails the run, and nothing else, when a task loops for ever and its step gives up', async () => {
    const { runtime, manager } = await setUp(1, { cancelTimeout: 100, workerTimeout: '20s' })
    const exits: string[] = []
    manager.on('workerExit', ({ workerId }) => exits.push(workerId))
    await runtime.register(order().task('loop', { task: 'loop', timeout: 200 }).build())
    expect(await ask(runtime)).toMatchObject({ ok: false, error: { errors: [{ code: 'TIMEOUT' }] } })
    await expect.poll(() => exits.length).toBe(1)
    await runtime.register(
      workflow<Shop>()('next', { on: 'order:placed' })
        .task('where', { task: 'where', output: (thread: number) => ({ thread }) })
        .build(),
    )
    expect(await ask(runtime, 'next')).toMatchObject({ ok: true })
  })
})
