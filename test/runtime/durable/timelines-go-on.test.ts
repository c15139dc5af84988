import { describe, expect, it } from 'vitest'
import {
  type StorageDriver,
  type TimelineStore,
  MemoryTimelineStore,
  TimelinePlayer,
  WorkflowRuntime,
  createEventBus,
  memoryStorage,
  pause,
} from 'busline'
import { StoredTimelineStore } from 'busline/timeline'
import { faultInjecting, sequentialIds, simulatedClock } from '../../../src/testing/index.js'
import { quietLogger } from '../open-runtime.js'
// Loaded on demand by the runtime; here beforehand, because no simulated clock waits for a file.
import '../../../src/runtime/runtime-engine.js'
import '../../../src/runtime/validate-workflow.js'
import '../../../src/runtime/durable/open-durability.js'

/** What several processes share, and the stage at which whoever runs it hangs. */
function createWorld() {
  const clock = simulatedClock()
  const ids = sequentialIds()
  const faults: string[] = []
  const world = { clock, faults, hangsAt: undefined as string | undefined, open }
  const stage = (id: string) => ({
    id,
    steps: { work: () => (world.hangsAt === id ? new Promise<never>(() => {}) : { [id]: true }) },
  })
  const main = {
    id: 'main',
    initialState: { order: 1 },
    stages: [
      stage('first'),
      { ...stage('second'), router: () => pause({ timeout: Infinity }) },
      stage('third'),
    ],
  }
  async function open(storage: StorageDriver, timelineStore?: TimelineStore) {
    const bus = createEventBus({ clock, ids, onError: () => {} })
    bus.subscribe('bus:error', ({ payload }) => void faults.push(payload.what!))
    const kept = timelineStore ? { storage, timelineStore } : { storage }
    const runtime = new WorkflowRuntime({ bus, clock, ids, logger: quietLogger, ...kept })
    const triggers = { placed: { event: 'order' } }
    const registered = runtime.register({ id: 'orders', triggers, pipelines: { main } })
    await clock.settle()
    await registered
    await clock.settle()
    return runtime
  }
  return world
}

const durable = () => faultInjecting(memoryStorage(), { isDurable: true })

/** What the timeline of the one run says. */
async function timelineOf(store: TimelineStore) {
  const { runs } = await store.listRuns()
  expect(runs).toHaveLength(1)
  const { runId } = runs[0]!
  const events = await store.getEvents(runId)
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1))
  const player = new TimelinePlayer(store, runId)
  await player.seek(1)
  const first = player.state
  await player.seek(events.length)
  return { types: events.map(({ type }) => type), first, last: player.state }
}

const done = { order: 1, first: true, second: true, third: true }

describe('the timeline of a run that another process goes on with', () => {
  it.each(['first', 'second', 'third'])(
    'begins with the start of the run and its first state, wherever it is kept: cut off in the %s stage',
    async (hangsAt) => {
      for (const store of [undefined, new MemoryTimelineStore(), new StoredTimelineStore(memoryStorage())]) {
        const world = createWorld()
        const storage = durable()
        world.hangsAt = hangsAt
        const one = await world.open(storage, store)
        await one.submit('order', {})
        await world.clock.settle()
        if (hangsAt === 'third') void one.resume(one.listAllRuns()[0]!.runId)
        await world.clock.advance('1m')
        await one.stop()
        world.hangsAt = undefined
        const two = await world.open(storage, store)
        await world.clock.advance('1m')
        const [run] = two.listAllRuns()
        if (run!.status === 'paused') await two.resume(run!.runId)
        await two.stop()
        const timeline = await timelineOf(store ?? new StoredTimelineStore(storage))
        expect(timeline.types[0]).toBe('pipeline:start')
        expect(timeline.types.at(-1)).toBe('pipeline:success')
        expect(timeline.first).toEqual({ order: 1 })
        expect(timeline.last).toEqual(done)
        expect(world.faults).toEqual([])
      }
    },
  )

  it('begins with its start also when its first stage is not tried again', async () => {
    const world = createWorld()
    const storage = durable()
    world.hangsAt = 'first'
    let runtime = await world.open(storage)
    await runtime.submit('order', {})
    for (let life = 0; life < 10; life++) {
      await runtime.stop()
      runtime = await world.open(storage)
    }
    const { runId, status } = runtime.listAllRuns()[0]!
    expect(status).toBe('paused')
    expect(await runtime.signal(runId, { told: true })).toMatchObject({ ok: true })
    world.hangsAt = undefined
    await runtime.resume(runId)
    await runtime.resume(runId)
    await runtime.stop()
    const { types, last } = await timelineOf(new StoredTimelineStore(storage))
    expect(types.slice(0, 2)).toEqual(['pipeline:start', 'state:signal'])
    expect(last).toEqual({ ...done, told: true })
  })

  it('says of which run a fork is one, also when it was cut off in its first stage or moved', async () => {
    const world = createWorld()
    const storage = durable()
    const one = await world.open(storage)
    await one.submit('order', {})
    await world.clock.settle()
    const parentRunId = one.listAllRuns()[0]!.runId
    world.hangsAt = 'second'
    expect(await one.fork(parentRunId, { stageId: 'second' })).toMatchObject({ ok: true })
    await one.stop()
    world.hangsAt = undefined
    const [two, there] = [await world.open(storage), durable()]
    await world.clock.settle()
    const { runId } = two.listAllRuns().find((run) => run.runId !== parentRunId)!
    const exported = await two.exportRun(runId)
    if (!exported.ok) throw exported.error
    const three = await world.open(there)
    await three.importRun(exported.value)
    await three.resume(runId)
    await Promise.all([two.stop(), three.stop()])
    for (const place of [storage, there]) {
      const meta = await new StoredTimelineStore(place).getRunMeta(runId)
      expect(meta).toMatchObject({ metadata: { parentRunId, parentSeq: expect.any(Number) as number } })
    }
  })

  it('goes on in its first place when the run comes back', async () => {
    const world = createWorld()
    const places = [durable(), durable()] as const
    const [here, there] = [await world.open(places[0]), await world.open(places[1])]
    await here.submit('order', {})
    await world.clock.settle()
    const { runId } = here.listAllRuns()[0]!
    const move = async (from: WorkflowRuntime, to: WorkflowRuntime) => {
      const exported = await from.exportRun(runId)
      if (!exported.ok) throw exported.error
      expect(await to.importRun(exported.value)).toMatchObject({ ok: true })
    }
    await move(here, there)
    await there.signal(runId, { told: true })
    await move(there, here)
    await here.stop()
    const again = await world.open(places[0])
    await again.resume(runId)
    await Promise.all([again.stop(), there.stop()])
    const timeline = await timelineOf(new StoredTimelineStore(places[0]))
    expect(timeline.first).toEqual({ order: 1 })
    expect(timeline.last).toEqual({ ...done, told: true })
    const passed = await timelineOf(new StoredTimelineStore(places[1]))
    expect(passed.first).toMatchObject({ first: true, second: true })
  })

  it.each([
    ['fails', () => Promise.reject(new Error('no network'))],
    ['does not answer', () => new Promise<never>(() => {})],
  ])('stays as it is where its store %s at that time, and the run goes on', async (_how, getRunMeta) => {
    const world = createWorld()
    const storage = durable()
    const store = new MemoryTimelineStore()
    const one = await world.open(storage, store)
    await one.submit('order', {})
    await world.clock.settle()
    await one.stop()
    const before = await timelineOf(store)
    const broken: TimelineStore = {
      append: (batches) => store.append(batches),
      getRunMeta,
      listRuns: (filter) => store.listRuns(filter),
      getEvents: (...range) => store.getEvents(...range),
      getNearestSnapshot: (...place) => store.getNearestSnapshot(...place),
      deleteRun: (runId) => store.deleteRun(runId),
      prune: (options) => store.prune(options),
      exportRun: (runId) => store.exportRun(runId),
      importRun: (text) => store.importRun(text),
    }
    const opening = world.open(storage, broken)
    await world.clock.advance('1m')
    const two = await opening
    const { runId } = two.listAllRuns()[0]!
    expect(await two.resume(runId)).toMatchObject({ ok: true })
    await world.clock.settle()
    expect(two.watch('orders', runId)).toMatchObject({ status: 'succeeded', state: done })
    await two.stop()
    expect(await timelineOf(store)).toEqual(before)
    expect(world.faults).toEqual([expect.stringContaining(`the timeline of run ${runId}`)])
  })
})
