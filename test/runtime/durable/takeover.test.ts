import { expect, it, onTestFinished } from 'vitest'
import {
  type RegistrationOptions,
  type StorageDriver,
  type TimelineStore,
  type WorkflowDefinition,
  WorkflowRuntime,
  createEventBus,
  memoryStorage,
  pause,
} from 'busline'
import { MemoryTimelineStore, StoredTimelineStore } from 'busline/timeline'
import { faultInjecting, sequentialIds, simulatedClock } from '../../../src/testing/index.js'
import { quietLogger } from '../open-runtime.js'
// Loaded on demand by the runtime; here beforehand, because no simulated clock waits for a file.
import '../../../src/runtime/runtime-engine.js'
import '../../../src/runtime/validate-workflow.js'
import '../../../src/runtime/durable/open-durability.js'

const clock = simulatedClock()
const ids = sequentialIds()

const waitFor = (event: string) => () => pause({ until: { event }, timeout: '9d' })
const orders = {
  id: 'orders',
  triggers: { placed: { event: 'order' } },
  pipelines: {
    main: {
      id: 'main',
      stages: [
        { id: 'pay', router: waitFor('paid') },
        { id: 'ship', router: waitFor('shipped') },
        { id: 'thank', steps: { thank: () => ({ isThanked: true }) } },
      ],
    },
  },
} satisfies WorkflowDefinition

interface Life {
  readonly options?: RegistrationOptions
  readonly workflow?: WorkflowDefinition
  readonly timelineStore?: TimelineStore
}

const durable = () => faultInjecting(memoryStorage(), { isDurable: true })

async function begin(storage: StorageDriver, { options, workflow = orders, timelineStore }: Life = {}) {
  const faults: string[] = []
  const bus = createEventBus({ clock, ids, onError: () => {} })
  bus.subscribe('bus:error', ({ payload }) => faults.push(payload.error.message))
  const timelines = timelineStore ? { timelineStore } : {}
  const runtime = new WorkflowRuntime({ bus, clock, ids, storage, logger: quietLogger, ...timelines })
  const registered = runtime.register(workflow, options)
  await clock.settle()
  await registered
  onTestFinished(async () => void (await runtime.stop()))
  const publish = async (type: string) => {
    bus.publish(type, {})
    await clock.settle()
  }
  return { runtime, faults, publish }
}

async function submit({ runtime }: { runtime: WorkflowRuntime }, count = 1) {
  for (let order = 0; order < count; order++) await runtime.submit('order', {})
  await clock.settle()
}

async function only(storage: StorageDriver, prefix: string) {
  const records = await storage.scan({ prefix })
  expect(records).toHaveLength(1)
  return records[0]!
}

it('goes on with a run once when it is asked again while it recovers', async () => {
  const storage = durable()
  const one = await begin(storage)
  await submit(one, 10)
  let isSlow = false
  let read = () => {}
  const slow: StorageDriver = {
    name: storage.name,
    isDurable: true,
    get: (key) => storage.get(key),
    scan: async (options) => {
      const page = await storage.scan(options)
      if (isSlow && options.prefix.startsWith('run/')) {
        isSlow = false
        await new Promise<void>((resolve) => (read = resolve))
      }
      return page
    },
    commit: (operations) => storage.commit(operations),
    close: () => storage.close(),
    [Symbol.asyncDispose]: () => storage.close(),
  }
  const two = await begin(slow)
  await one.runtime.stop()
  isSlow = true
  const first = two.runtime.recover()
  await clock.settle()
  const second = two.runtime.recover()
  await clock.settle()
  read()
  const reports = await Promise.all([first, second])
  expect(reports.flatMap(({ recovered }) => recovered)).toHaveLength(10)
  await two.publish('paid')
  await two.publish('shipped')
  expect(two.runtime.listAllRuns().map(({ status }) => status)).toEqual(Array(10).fill('succeeded'))
  expect(two.faults).toEqual([])
})

it('tells of no end again that this very process is telling of', async () => {
  const storage = durable()
  const calls: string[] = []
  let release = () => {}
  const options: RegistrationOptions = {
    onComplete: () => void calls.push('complete'),
    onCleanup: () => {
      calls.push('cleanup')
      return new Promise<void>((resolve) => (release = resolve))
    },
  }
  const one = await begin(storage, { options })
  await submit(one)
  await one.publish('paid')
  await one.publish('shipped')
  expect(calls).toEqual(['complete', 'cleanup'])
  await one.runtime.recover()
  await clock.settle()
  expect(calls).toEqual(['complete', 'cleanup'])
  release()
  await clock.settle()
  expect(one.faults).toEqual([])
  expect(await storage.scan({ prefix: 'unsettled/' })).toEqual([])
})

it('leaves the claim alone where the workflow is of another version, and nothing brings the run here', async () => {
  const storage = durable()
  const one = await begin(storage, { workflow: { ...orders, version: '1' } })
  await submit(one)
  const before = await only(storage, 'claim/')
  await one.runtime.stop()
  const two = await begin(storage, { workflow: { ...orders, version: '2' } })
  expect(await two.runtime.recover()).toMatchObject({ parked: [{ error: { code: 'VERSION_MISMATCH' } }] })
  expect(await only(storage, 'claim/')).toEqual(before)
})

it('says in the claim under which version the run is stored, from the first commit of that version on', async () => {
  const storage = durable()
  const migrate: NonNullable<WorkflowDefinition['migrate']> = (checkpoint) => checkpoint
  const one = await begin(storage, { workflow: { ...orders, version: '1' } })
  await submit(one)
  await one.runtime.stop()
  const two = await begin(storage, { workflow: { ...orders, version: '2', migrate } })
  expect(two.runtime.listAllRuns()).toMatchObject([{ status: 'paused' }])
  expect(await only(storage, 'claim/')).toMatchObject({ value: { version: '1', epoch: 2 } })
  expect(await only(storage, 'run/')).toMatchObject({ value: { checkpoint: { version: '1' } } })
  await two.publish('paid')
  expect(await only(storage, 'claim/')).toMatchObject({ value: { version: '2', epoch: 2 } })
  expect(await only(storage, 'run/')).toMatchObject({ value: { checkpoint: { version: '2' } } })
  await two.runtime.stop()
  const three = await begin(storage, { workflow: { ...orders, version: '2' } })
  await three.publish('shipped')
  expect(three.runtime.listAllRuns()).toMatchObject([{ status: 'succeeded' }])
  expect(three.faults).toEqual([])
})

it('shows a run that the workflow has no trigger for any more as paused, and why', async () => {
  const storage = durable()
  const one = await begin(storage)
  await submit(one)
  await one.runtime.stop()
  const two = await begin(storage, { workflow: { ...orders, triggers: { other: { event: 'order' } } } })
  expect(two.runtime.listAllRuns()).toMatchObject([{ status: 'paused', error: { code: 'NOT_FOUND' } }])
  const { runId } = two.runtime.listAllRuns()[0]!
  expect(await two.runtime.resume(runId)).toMatchObject({
    ok: false,
    error: { message: expect.stringMatching(/has no trigger "placed"/) as string },
  })
  await two.runtime.stop()
  const three = await begin(storage)
  await three.publish('paid')
  await three.publish('shipped')
  expect(three.runtime.listAllRuns()).toMatchObject([{ status: 'succeeded' }])
})

it('leaves a run of a newer Busline to that one', async () => {
  const storage = durable()
  const one = await begin(storage)
  await submit(one)
  await one.runtime.stop()
  const { key, value } = await only(storage, 'claim/')
  const newer = { ...(value as object), layout: 99 }
  await storage.commit([{ type: 'put', key, value: newer }])
  const two = await begin(storage)
  expect(await two.runtime.recover()).toMatchObject({ parked: [{ error: { code: 'VERSION_MISMATCH' } }] })
  expect(await storage.get(key)).toEqual(newer)
})

it('says so when a run has a claim and no record', async () => {
  const storage = durable()
  const one = await begin(storage)
  await submit(one, 2)
  await one.runtime.stop()
  const [gone] = await storage.scan({ prefix: 'run/' })
  await storage.commit([{ type: 'delete', key: gone!.key }])
  const two = await begin(storage)
  expect(two.runtime.listAllRuns()).toHaveLength(1)
  expect(two.faults).toEqual([expect.stringMatching(/has a claim, and no record/) as string])
})

it('goes on with the timeline beside the run after a process that kept timelines elsewhere', async () => {
  const storage = durable()
  const one = await begin(storage)
  await submit(one)
  await one.runtime.stop()
  const elsewhere = await begin(storage, { timelineStore: new MemoryTimelineStore() })
  await elsewhere.publish('paid')
  await elsewhere.runtime.stop()
  const three = await begin(storage)
  await three.publish('shipped')
  const [{ runId } = { runId: '' }] = three.runtime.listAllRuns()
  const timelines = new StoredTimelineStore(storage)
  const events = await timelines.getEvents(runId)
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_event, index) => index + 1))
  const types = events.map(({ type }) => type)
  expect(types[0]).toBe('pipeline:start')
  expect(types.at(-1)).toBe('pipeline:success')
  const stages = events.flatMap(({ type, payload }) => (type === 'stage:start' ? [payload['stageId']] : []))
  expect(stages).toEqual(['pay', 'thank'])
  expect((await timelines.listRuns({})).runs).toMatchObject([{ runId, status: 'complete' }])
  for (const status of ['recording', 'paused'] as const) {
    expect((await timelines.listRuns({ status })).runs).toEqual([])
  }
})
