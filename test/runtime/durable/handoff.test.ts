import { describe, expect, it } from 'vitest'
import {
  type AnyPipeline,
  type Logger,
  type StepContext,
  WorkflowRuntime,
  createEventBus,
  pause,
} from 'busline'
import { memoryStorage } from '../../../src/storage/memory-storage.js'
import type { StorageDriver } from '../../../src/storage/storage-driver.js'
import {
  type SimulatedClock,
  faultInjecting,
  sequentialIds,
  simulatedClock,
} from '../../../src/testing/index.js'
import { quietLogger } from '../open-runtime.js'

const ids = sequentialIds()

const pipeline: AnyPipeline = {
  id: 'main',
  initialState: (event: { payload: object }) => ({ ...event.payload }),
  stages: [
    { id: 'first', steps: { a: () => ({ first: true }) } },
    { id: 'wait', watch: { event: 'go' }, router: () => pause({ timeout: '1h' }) },
    { id: 'again', watch: { event: 'go' }, router: () => pause({ timeout: '1h', into: 'second' }) },
    { id: 'last', steps: { b: ({ resume }: StepContext) => ({ last: resume?.kind }) } },
  ],
}

async function open(clock: SimulatedClock, storage?: StorageDriver, rest: object = {}) {
  const bus = createEventBus({ clock, ids, onError: () => {} })
  const logger: Logger = quietLogger
  const runtime = new WorkflowRuntime({ bus, clock, ids, logger, ...(storage ? { storage } : {}) })
  const triggers = { on: { event: 'order' } }
  await runtime.register({ id: 'orders', triggers, pipelines: { main: pipeline }, ...rest })
  return { bus, runtime }
}

const durable = () => faultInjecting(memoryStorage(), { isDurable: true })

describe.each([
  ['in memory', () => undefined, () => undefined],
  ['durable', durable, durable],
  ['from a tab to a server', () => undefined, durable],
])('a run that is moved, %s', (_name, giver, taker) => {
  it('goes on where it is imported, with what was kept for it, and not where it was', async () => {
    const clock = simulatedClock()
    const one = await open(clock, giver())
    const two = await open(clock, taker())
    await one.runtime.submit('order', { n: 1 })
    await clock.settle()
    const { runId } = one.runtime.listAllRuns()[0]!
    const exported = await one.runtime.exportRun(runId)
    if (!exported.ok) throw exported.error
    expect(one.runtime.listAllRuns()).toEqual([])
    one.bus.publish('go', {})
    const bundle = JSON.parse(JSON.stringify(exported.value)) as typeof exported.value
    expect(await two.runtime.importRun(bundle)).toMatchObject({
      ok: true,
      value: { runId, status: 'paused' },
    })
    await clock.settle()
    two.bus.publish('go', {})
    await clock.settle()
    expect(two.runtime.listAllRuns()).toMatchObject([{ runId, status: 'paused', stageId: 'last' }])
    two.bus.publish('go', {})
    await clock.settle()
    expect(two.runtime.listAllRuns()).toMatchObject([
      { runId, status: 'succeeded', state: { n: 1, first: true, last: 'event' } },
    ])
    expect(await two.runtime.importRun(bundle)).toMatchObject({ ok: false, error: { code: 'DUPLICATE_KEY' } })
    await Promise.all([one.runtime.stop(), two.runtime.stop()])
    expect(clock.pendingTimers).toBe(0)
  })

  it('keeps its deadline', async () => {
    const clock = simulatedClock()
    const one = await open(clock, giver())
    const two = await open(clock, taker())
    await one.runtime.submit('order', {})
    await clock.advance('50m')
    const { runId } = one.runtime.listAllRuns()[0]!
    const exported = await one.runtime.exportRun(runId)
    if (!exported.ok) throw exported.error
    await two.runtime.importRun(exported.value)
    await clock.advance('11m')
    expect(two.runtime.listAllRuns()).toMatchObject([{ stageId: 'last' }])
    await Promise.all([one.runtime.stop(), two.runtime.stop()])
  })
})

describe('exportRun()', () => {
  it('answers the same bundle again, also in the next process, until it is imported into that store', async () => {
    const clock = simulatedClock()
    const store = memoryStorage()
    const over = () => faultInjecting(store, { isDurable: true })
    const one = await open(clock, over())
    await one.runtime.submit('order', {})
    await clock.settle()
    const { runId } = one.runtime.listAllRuns()[0]!
    const first = await one.runtime.exportRun(runId)
    await one.runtime.stop()
    const two = await open(clock, over())
    expect(two.runtime.listAllRuns()).toEqual([])
    const again = await two.runtime.exportRun(runId)
    expect(again).toEqual(first)
    if (again.ok) expect(await two.runtime.importRun(again.value)).toMatchObject({ ok: true })
    expect(await store.scan({ prefix: 'exported/' })).toEqual([])
    expect(await store.get(`claim/orders/${runId}`)).toMatchObject({ epoch: 2 })
    await two.runtime.stop()
  })

  it('refuses runs that are not paused, have ended, or are not there', async () => {
    const clock = simulatedClock()
    const { runtime } = await open(clock, undefined, {
      pipelines: {
        main: { id: 'main', stages: [{ id: 'hangs', steps: { s: () => new Promise(() => {}) } }] },
      },
    })
    await runtime.submit('order', {})
    const { runId } = runtime.listAllRuns()[0]!
    expect(await runtime.exportRun(runId)).toMatchObject({ ok: false, error: { code: 'INVALID_COMMAND' } })
    await runtime.abort(runId)
    expect(await runtime.exportRun(runId)).toMatchObject({ ok: false, error: { code: 'INVALID_COMMAND' } })
    expect(await runtime.exportRun('none')).toMatchObject({ ok: false, error: { code: 'NOT_FOUND' } })
    await runtime.stop()
  })
})

describe('importRun()', () => {
  it('refuses what is no bundle, of no workflow, or of another version', async () => {
    const clock = simulatedClock()
    const one = await open(clock)
    await one.runtime.submit('order', {})
    await clock.settle()
    const { runId } = one.runtime.listAllRuns()[0]!
    const exported = await one.runtime.exportRun(runId)
    if (!exported.ok) throw exported.error
    const { value: bundle } = exported
    const two = await open(clock, undefined, { version: '2' })
    const codeOf = async (given: unknown) => {
      const result = await two.runtime.importRun(given as typeof bundle)
      return result.ok ? 'ok' : result.error.code
    }
    expect(await codeOf({})).toBe('VALIDATION')
    expect(await codeOf({ ...bundle, layout: 2 })).toBe('VERSION_MISMATCH')
    expect(await codeOf({ ...bundle, checkpoint: { ...bundle.checkpoint, workflowId: 'x' } })).toBe(
      'NOT_FOUND',
    )
    expect(await codeOf(bundle)).toBe('VERSION_MISMATCH')
    expect(two.runtime.listAllRuns()).toEqual([])
    await Promise.all([one.runtime.stop(), two.runtime.stop()])
  })

  it('refuses a bundle that was tampered with, and keeps nothing of it', async () => {
    const clock = simulatedClock()
    const one = await open(clock)
    await one.runtime.submit('order', {})
    await clock.settle()
    const exported = await one.runtime.exportRun(one.runtime.listAllRuns()[0]!.runId)
    if (!exported.ok) throw exported.error
    const { value: bundle } = exported
    const { checkpoint } = bundle
    const two = await open(clock)
    for (const wrong of [
      { ...bundle, checkpoint: { ...checkpoint, runId: '../other' } },
      { ...bundle, checkpoint: { ...checkpoint, runId: '' } },
      { ...bundle, checkpoint: { ...checkpoint, event: null } },
      { ...bundle, checkpoint: { ...checkpoint, root: null } },
      { ...bundle, checkpoint: { ...checkpoint, root: { ...checkpoint.root, state: 5 } } },
      { ...bundle, checkpoint: { ...checkpoint, root: { ...checkpoint.root, state: { f: () => {} } } } },
      { ...bundle, checkpoint: { ...checkpoint, root: { ...checkpoint.root, status: 'happy' } } },
      { ...bundle, inboxes: 5 },
    ]) {
      const result = await two.runtime.importRun(wrong as unknown as typeof bundle)
      expect(result).toMatchObject({ ok: false, error: { code: 'VALIDATION' } })
    }
    expect(two.runtime.listAllRuns()).toEqual([])
    expect(await two.runtime.importRun(bundle)).toMatchObject({ ok: true })
    await Promise.all([one.runtime.stop(), two.runtime.stop()])
  })
})
