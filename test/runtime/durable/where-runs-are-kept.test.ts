import { describe, expect, it, onTestFinished } from 'vitest'
import {
  StoreRegistry,
  type WorkflowDefinition,
  WorkflowRuntime,
  type WorkflowRuntimeOptions,
  createEventBus,
  memoryStorage,
  pause,
} from 'busline'
import { sqliteStorage } from 'busline/storage/sqlite'
import { StoredTimelineStore } from 'busline/timeline'
import { quietLogger } from '../open-runtime.js'

type Options = Pick<WorkflowRuntimeOptions, 'storage' | 'storeRegistry'>

const orders: WorkflowDefinition = {
  id: 'orders',
  triggers: { placed: { event: 'order' } },
  pipelines: {
    main: {
      id: 'main',
      stages: [
        {
          id: 'pay',
          steps: { ask: () => ({ isAsked: true }) },
          router: () => pause({ until: { event: 'paid' }, timeout: '1h' }),
        },
        { id: 'ship', steps: { ship: () => ({ isShipped: true }) } },
      ],
    },
  },
}

async function begin(options: Options): Promise<WorkflowRuntime> {
  const runtime = new WorkflowRuntime({ bus: createEventBus(), logger: quietLogger, ...options })
  onTestFinished(async () => void (await runtime.stop()))
  await runtime.register(orders)
  return runtime
}

async function isPaused(runtime: WorkflowRuntime): Promise<void> {
  await expect.poll(() => runtime.listAllRuns().map(({ status }) => status)).toEqual(['paused'])
}

describe.each([
  ['memory', () => memoryStorage()],
  ['SQLite in memory', () => sqliteStorage({ file: ':memory:' })],
])('a storage that does not outlive the process: %s', (_name, open) => {
  it('keeps runs for the next runtime on it', async () => {
    const storage = open()
    onTestFinished(() => storage.close())
    const one = await begin({ storage })
    await one.submit('order', {}, { id: 'order-1' })
    await isPaused(one)
    await one.stop()
    const two = await begin({ storage })
    await isPaused(two)
    expect((await two.submit('order', {}, { id: 'order-1' })).ok).toBe(true)
    expect(two.listAllRuns()).toHaveLength(1)
    await two.submit('paid', {})
    await expect
      .poll(() => two.listAllRuns())
      .toMatchObject([{ status: 'succeeded', state: { isAsked: true, isShipped: true } }])
    const { runs } = await new StoredTimelineStore(storage).listRuns({ status: 'complete' })
    expect(runs).toHaveLength(1)
  })
})

describe('storeRegistry', () => {
  it('keeps the runs, and storage their timelines', async () => {
    const [registry, storage] = [memoryStorage(), memoryStorage()]
    const one = await begin({ storeRegistry: new StoreRegistry(registry), storage })
    await one.submit('order', {})
    await isPaused(one)
    await one.stop()
    expect(await registry.scan({ prefix: 'run/' })).toHaveLength(1)
    expect(await registry.scan({ prefix: 'timeline/' })).toEqual([])
    expect(await storage.scan({ prefix: 'run/' })).toEqual([])
    expect((await new StoredTimelineStore(storage).listRuns()).runs).toMatchObject([{ status: 'paused' }])
    const two = await begin({ storeRegistry: new StoreRegistry(registry), storage })
    await isPaused(two)
  })

  it('alone records nothing', async () => {
    const registry = memoryStorage()
    const runtime = await begin({ storeRegistry: new StoreRegistry(registry) })
    await runtime.submit('order', {})
    await isPaused(runtime)
    expect(await registry.scan({ prefix: 'run/' })).toHaveLength(1)
    expect(await registry.scan({ prefix: 'timeline/' })).toEqual([])
  })
})
