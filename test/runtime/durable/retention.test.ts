import { describe, expect, it } from 'vitest'
import {
  type AnyPipeline,
  type RetentionOptions,
  type StepContext,
  type StorageDriver,
  SystemError,
  WorkflowRuntime,
  advance,
  createEventBus,
  memoryStorage,
  pause,
} from 'busline'
import { type FaultPlan, faultInjecting, sequentialIds, simulatedClock } from '../../../src/testing/index.js'
import { prune as pruneStore } from '../../../src/runtime/durable/retention.js'
import { StoredTimelineStore } from '../../../src/timeline/stored-timeline-store.js'
import { quietLogger } from '../open-runtime.js'
// Loaded on demand by the runtime; here beforehand, because no simulated clock waits for a file.
import '../../../src/runtime/runtime-engine.js'
import '../../../src/runtime/validate-workflow.js'
import '../../../src/runtime/durable/open-durability.js'

const work: AnyPipeline = {
  id: 'main',
  stages: [
    {
      id: 'one',
      steps: { a: ({ event }: StepContext) => ({ text: 'x'.repeat(100), ...(event.payload as object) }) },
    },
    { id: 'two', router: ({ state }) => (state['waits'] ? pause({ timeout: Infinity }) : advance()) },
  ],
}

interface World {
  readonly store: StorageDriver
  readonly clock: ReturnType<typeof simulatedClock>
  readonly ids: ReturnType<typeof sequentialIds>
}

function createWorld(): World {
  return { store: memoryStorage(), clock: simulatedClock(), ids: sequentialIds() }
}

async function open({ store, clock, ids }: World, plan: FaultPlan = {}, retention?: RetentionOptions) {
  const storage = faultInjecting(store, { ...plan, isDurable: true })
  const bus = createEventBus({ clock, ids, onError: () => {} })
  const runtime = new WorkflowRuntime({
    bus,
    clock,
    ids,
    storage,
    logger: quietLogger,
    ...(retention ? { retention } : {}),
  })
  const registered = runtime.register(
    { id: 'orders', triggers: { on: { event: 'order' } }, pipelines: { main: work } },
    { mode: { type: 'exclusive', onBusy: 'queue_single' } },
  )
  await clock.settle()
  await registered
  return { runtime, bus, storage }
}

async function submit(world: World, runtime: WorkflowRuntime, id: string, payload: object = {}) {
  const answer = runtime.submit('order', payload, { id })
  await world.clock.settle()
  const result = await answer
  return result.ok ? result.value.map(({ outcome }) => outcome) : result.error.code
}

async function prune(world: World, runtime: WorkflowRuntime, options?: RetentionOptions) {
  const answer = runtime.prune(options)
  await world.clock.settle()
  const result = await answer
  if (!result.ok) throw result.error
  return result.value
}

async function keys({ store }: World, prefix: string): Promise<readonly string[]> {
  return (await store.scan({ prefix })).map(({ key }) => key)
}

/** Orders 1 to `count`, one a minute. */
async function workThrough(world: World, runtime: WorkflowRuntime, count: number): Promise<void> {
  for (let order = 1; order <= count; order++) {
    expect(await submit(world, runtime, `order-${order}`)).toEqual(['started'])
    await world.clock.advance('1m')
  }
}

describe('WorkflowRuntime.prune()', () => {
  it('removes runs that ended longer ago than asked for, their timelines, and nothing else', async () => {
    const world = createWorld()
    const { runtime } = await open(world)
    await workThrough(world, runtime, 5)
    expect(await prune(world, runtime, { olderThan: '150s' })).toMatchObject({ runs: 3, ids: 0 })
    expect(await keys(world, 'ended/')).toHaveLength(2)
    expect(await keys(world, 'history/')).toHaveLength(2)
    expect(await keys(world, 'timeline/run/')).toHaveLength(2)
    const recorded = (await keys(world, 'timeline/events/')).map((key) => key.split('/')[2])
    expect(new Set(recorded).size).toBe(2)
    expect(await keys(world, 'timeline/by-time/')).toHaveLength(2)
    await runtime.stop()
  })

  it('keeps the ids of pruned runs for as long as it promised, and forgets them then', async () => {
    const world = createWorld()
    const { runtime } = await open(world)
    await workThrough(world, runtime, 3)
    await prune(world, runtime, { maxRuns: 0, rememberIds: '1h' })
    expect(await keys(world, 'ended/')).toEqual([])
    expect(await submit(world, runtime, 'order-1')).toEqual(['duplicate'])
    await world.clock.advance('50m')
    expect(await prune(world, runtime, { rememberIds: '1h' })).toEqual({ runs: 0, ids: 0, bytes: 0 })
    expect(await submit(world, runtime, 'order-1')).toEqual(['duplicate'])
    await world.clock.advance('20m')
    expect(await prune(world, runtime, { rememberIds: '1h' })).toEqual({ runs: 0, ids: 3, bytes: 0 })
    expect(await keys(world, '')).toEqual(['history-totals', expect.stringContaining('owner/')])
    await runtime.stop()
    // The bus of a process remembers more than the store.
    const next = await open(world)
    expect(await submit(world, next.runtime, 'order-1')).toEqual(['started'])
    await next.runtime.stop()
  })

  it('keeps as many runs, or bytes, as asked for: those that ended last', async () => {
    const world = createWorld()
    const { runtime } = await open(world)
    await workThrough(world, runtime, 6)
    const before = (await world.store.scan({ prefix: 'ended/' })).map(({ value }) => value)
    expect(await prune(world, runtime, { maxRuns: 4 })).toMatchObject({ runs: 2 })
    const after = (await world.store.scan({ prefix: 'ended/' })).map(({ value }) => value)
    expect(after).toEqual(before.slice(2))
    const each = ((await world.store.scan({ prefix: 'history/' }))[0]!.value as { bytes: number }).bytes
    expect(each).toBeGreaterThan(100)
    const { runs, bytes } = await prune(world, runtime, { maxBytes: 2 * each + 1 })
    expect(runs).toBe(2)
    expect(bytes).toBeGreaterThan(100)
    expect(await keys(world, 'ended/')).toHaveLength(2)
    await runtime.stop()
  })

  it('never touches runs that have not ended, nor events that wait', async () => {
    const world = createWorld()
    const { runtime } = await open(world)
    expect(await submit(world, runtime, 'sleeper', { waits: true })).toEqual(['started'])
    expect(await submit(world, runtime, 'waiting')).toEqual(['queued'])
    world.clock.jump(world.clock.now() + 400 * 86_400_000)
    const before = await world.store.scan({ prefix: '' })
    const limits = { olderThan: 0, maxRuns: 0, maxBytes: 0, rememberIds: 0 }
    expect(await prune(world, runtime, limits)).toEqual({ runs: 0, ids: 0, bytes: 0 })
    const isOwner = ({ key }: { key: string }) => key.startsWith('owner/')
    expect((await world.store.scan({ prefix: '' })).filter((each) => !isOwner(each))).toEqual(
      before.filter((each) => !isOwner(each)),
    )
    await runtime.stop()
  })

  it('forgets events that came to nothing, once their ids need not be known any more', async () => {
    const world = createWorld()
    const { runtime } = await open(world)
    await submit(world, runtime, 'sleeper', { waits: true })
    await submit(world, runtime, 'one')
    await submit(world, runtime, 'two')
    await world.clock.settle()
    expect(await keys(world, 'accepted/orders/on/one')).toHaveLength(1)
    await prune(world, runtime, { rememberIds: '1h' })
    expect(await submit(world, runtime, 'one')).toEqual(['duplicate'])
    await world.clock.advance('2h')
    expect(await prune(world, runtime, { rememberIds: '1h' })).toMatchObject({ ids: 1 })
    expect(await keys(world, 'accepted/')).toEqual(['accepted/orders/on/sleeper', 'accepted/orders/on/two'])
    await runtime.stop()
  })

  it('leaves a run alone about whose end something is still to be done', async () => {
    const world = createWorld()
    const { runtime } = await open(world)
    await workThrough(world, runtime, 1)
    const [ended] = await world.store.scan({ prefix: 'ended/' })
    const { runId } = ended!.value as { runId: string }
    await world.store.commit([
      { type: 'put', key: `unsettled/orders/${runId}`, value: { epoch: 1, owner: 'somebody' } },
    ])
    expect(await prune(world, runtime, { maxRuns: 0 })).toEqual({ runs: 0, ids: 0, bytes: 0 })
    expect(await keys(world, 'ended/')).toHaveLength(1)
    expect(await keys(world, 'timeline/run/')).toHaveLength(1)
    await runtime.stop()
  })

  it('removes each run once when several processes do it at once', async () => {
    const world = createWorld()
    const [one, two] = [await open(world), await open(world)]
    await workThrough(world, one.runtime, 10)
    const both = Promise.all([one.runtime.prune({ maxRuns: 0 }), two.runtime.prune({ maxRuns: 0 })])
    await world.clock.settle()
    const reports = (await both).map((each) => (each.ok ? each.value.runs : -1))
    expect(reports[0]! + reports[1]!).toBe(10)
    expect(await keys(world, 'ended/')).toEqual([])
    await one.runtime.stop()
    await two.runtime.stop()
  })

  it('costs no more for each run when there are many more that stay', async () => {
    const callsFor = async (kept: number) => {
      const world = createWorld()
      const { runtime, storage } = await open(world)
      await workThrough(world, runtime, 5)
      await world.clock.advance('1h')
      await workThrough(world, runtime, 0)
      for (let order = 0; order < kept; order++) await submit(world, runtime, `late-${order}`)
      const before = storage.totalCalls
      expect(await prune(world, runtime, { olderThan: '30m' })).toMatchObject({ runs: 5 })
      const calls = storage.totalCalls - before
      await runtime.stop()
      return calls
    }
    expect(await callsFor(500)).toBe(await callsFor(5))
  })

  it('counts what stays once, and what has come since from then on', async () => {
    const callsFor = async (kept: number) => {
      const world = createWorld()
      const { runtime, storage } = await open(world)
      for (let order = 0; order < kept; order++) await submit(world, runtime, `early-${order}`)
      await world.clock.advance('2m')
      await prune(world, runtime, { maxRuns: kept })
      await workThrough(world, runtime, 5)
      const before = storage.totalCalls
      expect(await prune(world, runtime, { maxRuns: kept })).toMatchObject({ runs: 5 })
      expect(await keys(world, 'ended/')).toHaveLength(kept)
      const calls = storage.totalCalls - before
      await runtime.stop()
      return calls
    }
    expect(await callsFor(250)).toBe(await callsFor(50))
  })

  it('refuses limits that are none', async () => {
    const world = createWorld()
    const { runtime } = await open(world)
    const answer = await runtime.prune({ maxRuns: -1 })
    expect(answer).toMatchObject({ ok: false, error: { code: 'VALIDATION' } })
    const bus = createEventBus()
    expect(() => new WorkflowRuntime({ bus, retention: { maxBytes: -1 } })).toThrow(/retention.maxBytes/)
    expect(() => new WorkflowRuntime({ bus, retention: { olderThan: 'x' as '1d' } })).toThrow()
    await runtime.stop()
  })

  it('has nothing to do without durable storage', async () => {
    const runtime = new WorkflowRuntime({ bus: createEventBus() })
    expect(await runtime.prune({ maxRuns: 0 })).toEqual({ ok: true, value: { runs: 0, ids: 0, bytes: 0 } })
    await runtime.stop()
  })
})

describe('the option retention', () => {
  it('prunes by itself, from time to time, and stops with the runtime', async () => {
    const world = createWorld()
    const { runtime } = await open(world, {}, { maxRuns: 2 })
    await workThrough(world, runtime, 8)
    await world.clock.advance('2m')
    expect(await keys(world, 'ended/')).toHaveLength(2)
    expect(await submit(world, runtime, 'order-1')).toEqual(['duplicate'])
    await runtime.stop()
    expect(world.clock.pendingTimers).toBe(0)
  })
})

describe('a prune that cannot read everything', () => {
  async function pruneWith(damagedGet: number) {
    const world = createWorld()
    const { runtime } = await open(world)
    await workThrough(world, runtime, 3)
    const error = new SystemError('STORAGE', 'Damaged', { context: { reason: 'damaged' } })
    const driver = faultInjecting(world.store, {
      faults: [{ type: 'fail', on: 'get', at: damagedGet, error }],
    })
    const shared = new StoredTimelineStore(driver)
    const host = { driver, shared, ids: world.ids, now: () => world.clock.now() }
    const pruned = pruneStore(host, { maxRuns: 1 }).catch((fault: unknown) => fault)
    const outcome = await pruned
    await runtime.stop()
    return { outcome, error, ended: await keys(world, 'ended/') }
  }

  it('counts again what it had counted', async () => {
    const { outcome, ended } = await pruneWith(1)
    expect(outcome).toMatchObject({ runs: 2 })
    expect(ended).toHaveLength(1)
  })

  it('removes the others, and then tells of it', async () => {
    const { outcome, error, ended } = await pruneWith(2)
    expect(outcome).toBe(error)
    expect(ended).toHaveLength(2)
  })
})

describe('a prune that dies', () => {
  const limits: RetentionOptions = { olderThan: '90s', maxRuns: 10, rememberIds: '210s' }
  const ids = sequentialIds()

  /** A store with the same records. */
  async function copyOf(store: StorageDriver): Promise<StorageDriver> {
    const copy = memoryStorage()
    const records = await store.scan({ prefix: '' })
    await copy.commit(records.map((record) => ({ type: 'put', ...record })))
    return copy
  }

  /** Prunes a store by way of a driver that strikes; resolves when it is done, or dead. */
  async function pruneWith(store: StorageDriver, now: number, isBeside: boolean, plan: FaultPlan) {
    const driver = faultInjecting(store, { ...plan, isDurable: true })
    const timelines = new StoredTimelineStore(driver)
    const beside = isBeside ? { shared: timelines } : { timelines }
    const pruned = pruneStore({ driver, ...beside, ids, now: () => now }, limits)
    await Promise.race([pruned, driver.killed])
    return driver
  }

  /** All records, but for what is another with each commit. */
  async function recordsOf(store: StorageDriver) {
    return (await store.scan({ prefix: '' })).map(({ key, value }) => ({
      key,
      value: key === 'history-totals' ? { ...(value as object), version: '' } : value,
    }))
  }

  it.each([
    ['beside the runs', true],
    ['elsewhere', false],
  ])(
    'is followed by one that leaves what a single one would have left, wherever it died, timelines being kept %s',
    async (_where, isBeside) => {
      const world = createWorld()
      const { runtime } = await open(world)
      await workThrough(world, runtime, 4)
      await submit(world, runtime, 'sleeper', { waits: true })
      await submit(world, runtime, 'superseded')
      await submit(world, runtime, 'waiting')
      const now = world.clock.now()
      const clean = await copyOf(world.store)
      const { totalCalls } = await pruneWith(clean, now, isBeside, {})
      const expected = await recordsOf(clean)
      const count = (prefix: string) => expected.filter(({ key }) => key.startsWith(prefix)).length
      expect([count('ended/'), count('run/'), count('ticket/')]).toEqual([1, 1, 1])
      expect(count('accepted/')).toBe(6)

      let survived = 0
      for (let at = 1; at <= totalCalls; at++) {
        for (const when of ['before', 'after'] as const) {
          const store = await copyOf(world.store)
          const { hasLanded } = await pruneWith(store, now, isBeside, {
            faults: [{ type: 'kill', when, at }],
          })
          await pruneWith(store, now, isBeside, {})
          expect(hasLanded, `kill ${when} ${at}`).toBe(true)
          expect(await recordsOf(store), `kill ${when} ${at}`).toEqual(expected)
          survived++
        }
      }
      console.log(`prune: ${survived} crash points survived`)
      expect(survived).toBeGreaterThan(20)
      await runtime.stop()
    },
  )
})
