import { describe, expect, it } from 'vitest'
import {
  type AnyPipeline,
  type BusFault,
  type DispatchResult,
  type RegistrationOptions,
  type StorageDriver,
  WorkflowRuntime,
  createEventBus,
  memoryStorage,
  pause,
} from 'busline'
import { sequentialIds, simulatedClock } from '../../../src/testing/index.js'
import { quietLogger } from '../open-runtime.js'

function gate() {
  let open!: () => void
  const opened = new Promise<void>((resolve) => (open = resolve))
  return { opened, open }
}

type Held = 'get' | 'commit' | 'tickets'

/** A store whose next read or commit can be held up, while later ones pass it; of tickets, the answer. */
function heldStorage() {
  const storage = memoryStorage()
  const held: Partial<Record<Held, Promise<void> | undefined>> = {}
  const pass = async (what: Held) => {
    const wait = held[what]
    held[what] = undefined
    await wait
  }
  const driver: StorageDriver = {
    ...storage,
    get: async (key) => (await pass('get'), storage.get(key)),
    scan: async (options) => {
      const records = await storage.scan(options)
      if (options.prefix?.startsWith('ticket/')) await pass('tickets')
      return records
    },
    commit: async (operations) => (await pass('commit'), storage.commit(operations)),
  }
  const hold = (what: Held) => {
    const { opened, open } = gate()
    held[what] = opened
    return open
  }
  return { driver, hold }
}

/** Two processes, one after the other, share what this returns. */
function openMachine() {
  const clock = simulatedClock()
  const ids = sequentialIds()
  const store = heldStorage()
  const begun: string[] = []
  const work =
    (name: string) =>
    ({ runId }: { runId: string }) =>
      void begun.push(`${name} of ${runId.slice(-2)}`)

  const open = async (stages: AnyPipeline['stages'], options: RegistrationOptions = {}) => {
    const faults: BusFault[] = []
    const receipts: DispatchResult[] = []
    const bus = createEventBus({ clock, ids, onError: (fault) => faults.push(fault) })
    const runtime = new WorkflowRuntime({ bus, clock, ids, storage: store.driver, logger: quietLogger })
    await runtime.register(
      { id: 'w', triggers: { go: { event: 'go' } }, pipelines: { main: { id: 'main', stages } } },
      { onDispatch: (receipt) => void receipts.push(receipt), ...options },
    )
    return { bus, runtime, faults, receipts }
  }
  return { clock, store, begun, work, open }
}

const kept = { ok: false, error: { code: 'UNAVAILABLE' } }

describe('a runtime with a storage that is stopped', () => {
  it('begins no step of a run that was on its way into the store, and leaves it to the next', async () => {
    const { clock, store, begun, work, open } = openMachine()
    const stages = [{ id: 'one', steps: { a: work('a') } }]
    const { bus, runtime, receipts } = await open(stages)
    const letGo = store.hold('commit')
    bus.publish('go', {})
    const invoked = runtime.invoke('w', 'go', {})
    const stopped = runtime.stop()
    await clock.settle()
    letGo()
    await stopped
    expect(begun).toEqual([])
    expect(receipts).toMatchObject([{ outcome: 'started' }])
    expect(await invoked).toMatchObject(kept)

    const next = await open(stages)
    await clock.settle()
    expect(begun).toHaveLength(2)
    await next.runtime.stop()
  })

  it('waits for what invoke() is storing', async () => {
    const { clock, store, open } = openMachine()
    const { runtime } = await open([{ id: 'one' }])
    const letGo = store.hold('commit')
    const invoked = runtime.invoke('w', 'go', {})
    let hasStopped = false
    const stopped = runtime.stop().then(() => (hasStopped = true))
    await clock.settle()
    expect(hasStopped).toBe(false)
    letGo()
    await stopped
    expect(await invoked).toMatchObject(kept)
  })

  it('drops an event whose hook onPrepare was at work, as nobody would find it', async () => {
    const { clock, open } = openMachine()
    const { bus, runtime, receipts } = await open([{ id: 'one' }], {
      onPrepare: () => new Promise(() => {}),
    })
    bus.publish('go', {})
    const stopped = runtime.stop()
    await clock.advance('30s')
    await stopped
    expect(receipts).toMatchObject([{ outcome: 'dropped', reason: 'The runtime was stopped' }])
  })

  it('refuses a signal to a run that it was about to prepare', async () => {
    const { clock, store, open } = openMachine()
    const { bus, runtime } = await open([{ id: 'one' }], { debounce: { wait: '1s' }, onPrepare: () => {} })
    bus.publish('go', {})
    await clock.settle()
    const letGo = store.hold('commit')
    await clock.advance('1s')
    const [run] = runtime.listAllRuns()
    const signalled = runtime.signal(run!.runId, { late: true })
    const stopped = runtime.stop()
    await clock.settle()
    letGo()
    await stopped
    expect(await signalled).toMatchObject(kept)
  })

  it.each(['stop', 'deregister'] as const)(
    'refuses a run that is imported when %s() is called',
    async (call) => {
      const { clock, store, begun, work, open } = openMachine()
      const stages = [
        { id: 'wait', router: () => pause({ timeout: '1h' }) },
        { id: 'next', steps: { a: work('a') } },
      ]
      const { runtime } = await open(stages)
      const { runId } = (await runtime.invoke('w', 'go', {})).metadata
      const exported = await runtime.exportRun(runId)
      if (!exported.ok) throw exported.error
      const letGo = store.hold('commit')
      const imported = runtime.importRun(exported.value)
      const left = runtime[call]('w')
      await clock.settle()
      letGo()
      await left
      expect(await imported).toMatchObject(kept)
      expect(runtime.listAllRuns()).toEqual([])
      await runtime.stop()
      expect(clock.pendingTimers).toBe(0)
      const next = await open(stages)
      await clock.advance('1h')
      expect(begun).toHaveLength(1)
      await next.runtime.stop()
    },
  )

  it('gives an event that was being looked up its receipt first', async () => {
    const { clock, store, open } = openMachine()
    const { bus, runtime, receipts } = await open([{ id: 'one' }], { debounce: { wait: '1s' } })
    const letGo = store.hold('get')
    bus.publish('go', {})
    let known: readonly DispatchResult[] | undefined
    const stopped = runtime.stop().then(() => (known = [...receipts]))
    await clock.settle()
    letGo()
    await stopped
    expect(known).toMatchObject([{ outcome: 'dropped' }])
  })

  it('says of an abort that it came too late to be kept, and of a signal too', async () => {
    const { clock, begun, work, open } = openMachine()
    const stages = [{ id: 'one', steps: { a: work('a'), b: () => new Promise<void>(() => {}) } }]
    const { bus, runtime } = await open(stages)
    bus.publish('go', {})
    await clock.settle()
    const { runId } = runtime.listAllRuns()[0]!
    const stopped = runtime.deregister('w')
    const answers = [runtime.abort(runId), runtime.signal(runId, { late: true })]
    await stopped
    for (const answer of answers) expect(await answer).toMatchObject(kept)
    await runtime.stop()
    await open(stages)
    await clock.settle()
    expect(begun).toHaveLength(2)
  })

  it('has given up its claim by then, though it was just being renewed', async () => {
    const { clock, store, open } = openMachine()
    const { runtime } = await open([{ id: 'one' }])
    const letGo = store.hold('commit')
    await clock.advance('4s')
    const stopped = runtime.stop()
    await clock.settle()
    letGo()
    await stopped
    await clock.settle()
    expect(await store.driver.scan({ prefix: 'owner/' })).toEqual([])
  })
})

describe('a run that is on its way into the store', () => {
  it('is aborted when it is there, and stays so', async () => {
    const { clock, store, begun, work, open } = openMachine()
    const stages = [{ id: 'one', steps: { a: work('a') } }]
    const { bus, runtime, faults, receipts } = await open(stages)
    const letGo = store.hold('commit')
    bus.publish('go', {})
    const [run] = runtime.listAllRuns()
    const aborted = runtime.abort(run!.runId)
    await clock.settle()
    letGo()
    expect(await aborted).toMatchObject({ ok: true, value: { status: 'aborted' } })
    expect(receipts).toMatchObject([{ outcome: 'started' }])
    await runtime.stop()
    const next = await open(stages)
    await clock.settle()
    expect(next.runtime.listAllRuns()).toEqual([])
    expect(begun).toEqual([])
    expect(faults).toEqual([])
    await next.runtime.stop()
  })
})

describe('an event that waits', () => {
  it('is not taken up again by a recovery that read it before it was aborted', async () => {
    const { clock, store, begun, open } = openMachine()
    const ends: (() => void)[] = []
    const wait = ({ runId }: { runId: string }) => {
      begun.push(runId)
      return new Promise<void>((resolve) => ends.push(resolve))
    }
    const { bus, runtime, receipts } = await open([{ id: 'one', steps: { wait } }], {
      mode: { type: 'serialized' },
    })
    bus.publish('go', {})
    const { id } = bus.publish('go', {})
    await clock.settle()
    const letGo = store.hold('tickets')
    const recovered = runtime.recover()
    await clock.settle()
    await runtime.abort(runtime.listAllRuns().find(({ eventId }) => eventId === id)!.runId)
    letGo()
    await recovered
    ends[0]!()
    await clock.settle()
    const outcomes = receipts.filter(({ eventId }) => eventId === id).map(({ outcome }) => outcome)
    expect(outcomes).toEqual(['queued', 'dropped'])
    expect(begun).toHaveLength(1)
    await runtime.stop()
  })
})
