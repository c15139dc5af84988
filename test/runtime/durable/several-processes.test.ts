import { describe, expect, it } from 'vitest'
import {
  type AnyPipeline,
  type DispatchResult,
  type RegistrationOptions,
  type StorageDriver,
  WorkflowRuntime,
  createEventBus,
  memoryStorage,
  pause,
} from 'busline'
import { sequentialIds, simulatedClock } from '../../../src/testing/index.js'
import { FleetHost, turns } from '../fleet/fleet-host.js'
import { quietLogger } from '../open-runtime.js'

const waiting: AnyPipeline['stages'] = [{ id: 'wait', router: () => pause({ timeout: '1d' }) }]
const hanging: AnyPipeline['stages'] = [{ id: 'hang', steps: { a: () => new Promise<void>(() => {}) } }]

function openMachine() {
  const clock = simulatedClock()
  const ids = sequentialIds()
  const open = async (
    store: StorageDriver | undefined,
    stages: AnyPipeline['stages'],
    options: RegistrationOptions = {},
  ) => {
    const host = new FleetHost(clock, store ?? memoryStorage(), { turns: [0] })
    const receipts: DispatchResult[] = []
    const bus = createEventBus({ clock: host.clock, ids, onError: () => {} })
    const runtime = new WorkflowRuntime({
      bus,
      ids,
      clock: host.clock,
      ...(store ? { storage: host.storage } : {}),
      logger: quietLogger,
    })
    await runtime.register(
      { id: 'w', triggers: { go: { event: 'go' } }, pipelines: { main: { id: 'main', stages } } },
      { onDispatch: (receipt) => void receipts.push(receipt), ...options },
    )
    return { host, bus, runtime, receipts }
  }
  return { clock, open }
}

describe('an event that waits in a process that was frozen', () => {
  it('is not said to be aborted when another process has taken it over', async () => {
    const { clock, open } = openMachine()
    const store = memoryStorage()
    const serialized: RegistrationOptions = { mode: { type: 'serialized' } }
    const one = await open(store, hanging, serialized)
    one.bus.publish('go', {})
    await one.runtime.submit('go', {})
    const [, queued] = one.runtime.listAllRuns()
    one.host.freeze()
    const aborted = one.runtime.abort(queued!.runId)
    await clock.advance('20s')
    const two = await open(store, hanging, serialized)
    one.host.thaw()
    expect(await aborted).toMatchObject({ ok: false, error: { code: 'FENCED' } })
    expect(two.runtime.watch('w', queued!.runId)).toMatchObject({ status: 'queued' })
    expect(one.receipts.at(-1)).toMatchObject({
      outcome: 'dropped',
      reason: 'Another process has taken it over',
    })
    await Promise.all([one.runtime.stop(), two.runtime.stop()])
  })
})

describe('a run that is told to pause and its runtime to stop', () => {
  it('holds nothing up, whatever the instant', async () => {
    for (let instant = 0; instant < 60; instant++) {
      const { clock, open } = openMachine()
      const { bus, runtime } = await open(memoryStorage(), waiting)
      bus.publish('go', {})
      await turns(instant)
      let hasStopped = false
      void runtime.stop().then(() => (hasStopped = true))
      await clock.advance('6s')
      expect({ instant, hasStopped }).toEqual({ instant, hasStopped: true })
    }
  })
})

describe('importRun()', () => {
  const moved = async () => {
    const { clock, open } = openMachine()
    const [here, there] = [memoryStorage(), memoryStorage()]
    const [tab, server] = [await open(here, waiting), await open(there, waiting)]
    const { runId } = (await tab.runtime.invoke('w', 'go', {})).metadata
    const exported = await tab.runtime.exportRun(runId)
    if (!exported.ok) throw exported.error
    return { clock, open, here, there, tab, server, runId, bundle: exported.value }
  }

  it('refuses a bundle that comes again when its run has moved on', async () => {
    const { tab, server, runId, bundle } = await moved()
    await server.runtime.importRun(bundle)
    const back = await server.runtime.exportRun(runId)
    if (!back.ok) throw back.error
    expect(await server.runtime.importRun(bundle)).toMatchObject({
      ok: false,
      error: { code: 'DUPLICATE_KEY' },
    })
    expect(await tab.runtime.importRun(back.value)).toMatchObject({ ok: true })
    await Promise.all([tab.runtime.stop(), server.runtime.stop()])
  })

  it('takes a run back and forth between a runtime without a storage and one with it', async () => {
    const { clock, open } = openMachine()
    const [tab, server] = [await open(undefined, waiting), await open(memoryStorage(), waiting)]
    const { runId } = (await tab.runtime.invoke('w', 'go', {})).metadata
    for (const [from, to] of [
      [tab, server],
      [server, tab],
      [tab, server],
      [server, tab],
    ] as const) {
      const exported = await from.runtime.exportRun(runId)
      if (!exported.ok) throw exported.error
      expect(await to.runtime.importRun(exported.value)).toMatchObject({ ok: true })
    }
    await clock.advance('1d')
    expect(tab.runtime.watch('w', runId)).toMatchObject({ status: 'succeeded' })
    await Promise.all([tab.runtime.stop(), server.runtime.stop()])
  })

  it('is not overtaken by a recovery that finds the run before it is told', async () => {
    const { clock, server, there, runId, bundle } = await moved()
    let recovered: Promise<unknown> | undefined
    const { storage } = server.host
    const commit = storage.commit.bind(storage)
    storage.commit = async (operations) => {
      await commit(operations)
      if (!operations.some((each) => each.type === 'put' && each.key.startsWith('run/'))) return
      recovered ??= server.runtime.recover()
      await turns(100)
    }
    expect(await server.runtime.importRun(bundle)).toMatchObject({ ok: true })
    await recovered
    await clock.settle()
    expect(await server.runtime.signal(runId, { seen: true })).toMatchObject({ ok: true })
    expect(await there.get(`claim/w/${runId}`)).toMatchObject({ epoch: 2 })
    await server.runtime.stop()
  })
})
