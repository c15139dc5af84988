import { describe, expect, it } from 'vitest'
import { type AnyPipeline, type SerializedError, WorkflowRuntime, createEventBus, pause } from 'busline'
import { memoryStorage } from '../../../src/storage/memory-storage.js'
import type { StorageDriver } from '../../../src/storage/storage-driver.js'
import { SystemError } from '../../../src/core/system-error.js'
import {
  type StorageFault,
  faultInjecting,
  sequentialIds,
  simulatedClock,
} from '../../../src/testing/index.js'
import { quietLogger } from '../open-runtime.js'

const threeStages: AnyPipeline = {
  id: 'main',
  stages: ['a', 'b', 'c'].map((id) => ({
    id,
    steps: {
      work: () => (draft: Record<string, unknown>) => void (draft[id] = ((draft[id] as number) ?? 0) + 1),
    },
  })),
}

const waiting: AnyPipeline = {
  id: 'main',
  stages: [{ id: 'wait', router: () => pause({ timeout: '1d' }) }, ...threeStages.stages],
}

async function open(storage: StorageDriver, pipeline = threeStages) {
  const clock = simulatedClock()
  const errors: { error: SerializedError; what?: string }[] = []
  const bus = createEventBus({ clock, onError: () => {} })
  bus.subscribe('bus:error', ({ payload }) => errors.push(payload))
  const runtime = new WorkflowRuntime({ bus, clock, ids: sequentialIds(), storage, logger: quietLogger })
  await runtime.register({
    id: 'orders',
    triggers: { on: { event: 'order' } },
    pipelines: { main: pipeline },
  })
  return { clock, errors, bus, runtime }
}

/** A store whose calls can be made to fail, or to answer never, at any time. */
function unreliable() {
  const store = memoryStorage()
  let fault: 'none' | 'full' | 'hangs' = 'none'
  const through = <Value>(call: () => Promise<Value>): Promise<Value> => {
    if (fault === 'hangs') return new Promise(() => {})
    if (fault === 'full') return Promise.reject(new SystemError('STORAGE', 'The disk is full'))
    return call()
  }
  const storage: StorageDriver = {
    name: 'unreliable',
    isDurable: true,
    get: (key) => through(() => store.get(key)),
    scan: (options) => through(() => store.scan(options)),
    commit: (operations) => through(() => store.commit(operations)),
    close: () => store.close(),
    [Symbol.asyncDispose]: () => store.close(),
  }
  return { storage, store, become: (next: typeof fault) => void (fault = next) }
}

describe('a store that fails', () => {
  it('is told of with the run, waited for, and gone on with when it has room again', async () => {
    const { storage, become } = unreliable()
    const { runtime, clock, errors } = await open(storage, waiting)
    await runtime.submit('order', {}, { id: 'one' })
    await clock.settle()
    const [run] = runtime.listAllRuns()
    become('full')
    void runtime.resume(run!.runId)
    await clock.advance('30s')
    expect(errors[0]).toMatchObject({ error: { code: 'STORAGE' }, what: `Run ${run!.runId}: storing it` })
    expect(runtime.listAllRuns()).toMatchObject([{ status: 'running' }])
    become('none')
    await clock.advance('11s')
    expect(runtime.listAllRuns()).toMatchObject([{ status: 'succeeded', state: { a: 1, b: 1, c: 1 } }])
    await runtime.stop()
  })

  it.each(['run/', ''])(
    'fails a run whose records it cannot hold, with the last state it could: "%s"',
    async (prefix) => {
      const store = memoryStorage()
      const storage: StorageDriver = {
        ...faultInjecting(store, { isDurable: true }),
        name: 'picky',
        isDurable: true,
        get: (key) => store.get(key),
        scan: (options) => store.scan(options),
        commit: (operations) =>
          operations.some(
            (each) =>
              each.type === 'put' &&
              each.key.startsWith(prefix) &&
              JSON.stringify(each.value).includes('"b":1'),
          )
            ? Promise.reject(new SystemError('CAPACITY', 'Too large', { context: { key: 'run/orders/x' } }))
            : store.commit(operations),
      }
      const { runtime, clock } = await open(storage)
      await runtime.submit('order', {})
      await clock.settle()
      expect(runtime.listAllRuns()).toMatchObject([{ status: 'failed', error: { code: 'CAPACITY' } }])
      const ended = await store.scan({ prefix: 'ended/' })
      expect(ended).toMatchObject([{ value: { status: 'failed' } }])
      expect((ended[0]!.value as { state: object }).state).toEqual({ a: 1 })
      await runtime.stop()
    },
  )

  it('does not keep a damaged run from being told of, nor others from going on', async () => {
    const store = memoryStorage()
    const first = await open(faultInjecting(store, { isDurable: true }), waiting)
    await first.runtime.submit('order', {})
    await first.runtime.submit('order', {})
    await first.clock.settle()
    await first.runtime.stop()
    const [damaged] = await store.scan({ prefix: 'run/' })
    await store.commit([{ type: 'put', key: damaged!.key, value: { layout: 99 } }])
    const second = await open(faultInjecting(store, { isDurable: true }), waiting)
    expect(second.runtime.listAllRuns()).toHaveLength(1)
    expect(second.errors).toMatchObject([
      { error: { code: 'VERSION_MISMATCH', context: { key: damaged!.key } } },
    ])
    await second.runtime.stop()
  })

  it('refuses register() when it cannot be read, which can then be called again', async () => {
    const fault: StorageFault = { type: 'fail', at: 1, on: 'scan' }
    const storage = faultInjecting(memoryStorage(), { isDurable: true, faults: [fault] })
    await expect(open(storage)).rejects.toMatchObject({ code: 'STORAGE' })
    const { runtime } = await open(storage)
    expect(runtime.hasWorkflow('orders')).toBe(true)
    await runtime.stop()
  })
})

describe('stop()', () => {
  it.each(['full', 'hangs'] as const)('ends within its bounds when the store is gone: %s', async (how) => {
    const { storage, store, become } = unreliable()
    const { runtime, clock } = await open(storage, waiting)
    await runtime.submit('order', {}, { id: 'paused' })
    await runtime.submit('order', {}, { id: 'cut-off' })
    await clock.settle()
    const [, cutOff] = runtime.listAllRuns()
    become(how)
    const resumed = runtime.resume(cutOff!.runId)
    const submitted = runtime.submit('order', {}, { id: 'never-accepted' })
    await clock.settle()
    let isStopped = false
    const stopped = runtime.stop().then(() => (isStopped = true))
    await clock.advance('20s')
    expect(isStopped).toBe(true)
    expect(await resumed).toMatchObject({ ok: false, error: { code: 'UNAVAILABLE' } })
    expect(await submitted).toMatchObject({ ok: true, value: [] })
    await stopped
    expect(clock.pendingTimers).toBe(0)
    expect(await store.scan({ prefix: 'run/' })).toHaveLength(2)
  })

  it('leaves nothing behind when it is called in the midst of a recovery', async () => {
    const { storage, become } = unreliable()
    const first = await open(storage, waiting)
    await first.runtime.submit('order', {})
    await first.runtime.stop()
    const clock = simulatedClock()
    const bus = createEventBus({ clock })
    const runtime = new WorkflowRuntime({ bus, clock, storage, logger: quietLogger })
    const registered = runtime.register({
      id: 'orders',
      triggers: { on: { event: 'order' } },
      pipelines: { main: waiting },
    })
    registered.catch(() => {})
    become('none')
    const stopped = runtime.stop()
    await clock.advance('20s')
    await stopped
    await registered.catch(() => {})
    expect(clock.pendingTimers).toBe(0)
    expect(bus.hasSubscribers('order')).toBe(false)
    expect(runtime.listAllRuns().filter(({ endedAt }) => endedAt === undefined)).toEqual([])
  })
})

describe('two runtimes on one store', () => {
  it('share nothing: runs, ends and events that wait belong to one of them each', async () => {
    const store = memoryStorage()
    const clock = simulatedClock()
    const ids = sequentialIds()
    const started: string[] = []
    const openOne = async (name: string) => {
      const bus = createEventBus({ clock, ids })
      const storage = faultInjecting(store, { isDurable: true })
      const runtime = new WorkflowRuntime({ bus, clock, ids, storage, logger: quietLogger })
      const pipeline: AnyPipeline = {
        id: 'main',
        initialState: ({ id }: { id: string }) => ({ id }),
        stages: [
          { id: 'wait', router: () => pause({ timeout: '5s' }) },
          {
            id: 'work',
            steps: { work: ({ event }: { event: { id: string } }) => void started.push(`${event.id}`) },
          },
        ],
      }
      await runtime.register(
        { id: 'orders', triggers: { on: { event: 'order' } }, pipelines: { main: pipeline } },
        { mode: { type: 'serialized' } },
      )
      return { name, runtime }
    }
    const one = await openOne('one')
    for (const id of ['1', '2', '3']) await one.runtime.submit('order', {}, { id })
    const two = await openOne('two')
    expect(two.runtime.listAllRuns()).toEqual([])
    expect(two.runtime.dispatches().queued).toBe(0)
    // Recovering again finds nothing that is held here already.
    await one.runtime.recover()
    expect(one.runtime.dispatches().queued).toBe(2)
    await clock.advance('30s')
    expect(started).toEqual(['1', '2', '3'])
    expect(await store.scan({ prefix: 'ended/' })).toHaveLength(3)
    await Promise.all([one.runtime.stop(), two.runtime.stop()])
  })
})
