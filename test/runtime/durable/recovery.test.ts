import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import {
  type AnyPipeline,
  type BusEvent,
  type DispatchResult,
  type EventBus,
  type RegistrationOptions,
  type RunCheckpoint,
  type StepContext,
  WorkflowRuntime,
  createEventBus,
  pause,
} from 'busline'
import { memoryStorage } from '../../../src/storage/memory-storage.js'
import type { StorageDriver } from '../../../src/storage/storage-driver.js'
import { faultInjecting, sequentialIds, simulatedClock } from '../../../src/testing/index.js'
import { quietLogger } from '../open-runtime.js'

const clock = simulatedClock()
const ids = sequentialIds()

function durable(): StorageDriver {
  return faultInjecting(memoryStorage(), { faults: [], isDurable: true })
}

function passingOn(storage: StorageDriver): StorageDriver {
  return {
    name: storage.name,
    isDurable: storage.isDurable,
    get: (key) => storage.get(key),
    scan: (options) => storage.scan(options),
    commit: (operations) => storage.commit(operations),
    close: () => storage.close(),
    [Symbol.asyncDispose]: () => storage.close(),
  }
}

interface Process {
  readonly bus: EventBus
  readonly runtime: WorkflowRuntime
  readonly receipts: DispatchResult[]
}

async function open(
  storage: StorageDriver,
  pipeline: AnyPipeline,
  options: RegistrationOptions = {},
  rest: object = {},
): Promise<Process> {
  const bus = createEventBus({ clock, ids, onError: () => {} })
  const runtime = new WorkflowRuntime({ bus, clock, ids, storage, logger: quietLogger })
  const receipts: DispatchResult[] = []
  const workflow = {
    id: 'orders',
    triggers: { placed: { event: 'order' } },
    pipelines: { main: pipeline },
    ...rest,
  }
  const registered = runtime.register(workflow, {
    onDispatch: (receipt) => void receipts.push(receipt),
    ...options,
  })
  await clock.settle()
  await registered
  return { bus, runtime, receipts }
}

/** As kill -9 would: nothing of it does anything any more, and its claim runs out. */
async function kill({ runtime }: Process): Promise<void> {
  await runtime.stop()
}

const twoStages = (log: string[]): AnyPipeline => ({
  id: 'main',
  initialState: (event: BusEvent) => ({ ...(event.payload as object) }),
  stages: [
    {
      id: 'first',
      steps: {
        a: ({ idempotencyKey, attempt, publish }: StepContext) => {
          log.push(`${idempotencyKey.slice(-9)}#${attempt}`)
          publish('done:first', {})
          return { first: true }
        },
      },
    },
    { id: 'wait', watch: { event: 'go' }, router: () => pause({ timeout: '1d' }) },
    { id: 'last', steps: { b: ({ resume }: StepContext) => ({ last: resume?.kind }) } },
  ],
})

describe('a run on durable storage', () => {
  it('goes on in the next process from where it was, and runs no committed stage again', async () => {
    const storage = durable()
    const log: string[] = []
    const one = await open(storage, twoStages(log))
    expect(await one.runtime.submit('order', { n: 1 }, { id: 'e1' })).toMatchObject({
      ok: true,
      value: [{ outcome: 'started' }],
    })
    await clock.settle()
    expect(one.runtime.listAllRuns()).toMatchObject([{ status: 'paused' }])
    await kill(one)

    const two = await open(storage, twoStages(log))
    expect(two.runtime.listAllRuns()).toMatchObject([{ status: 'paused', state: { n: 1, first: true } }])
    two.bus.publish('go', {})
    await clock.settle()
    expect(two.runtime.listAllRuns()).toMatchObject([
      { status: 'succeeded', state: { n: 1, first: true, last: 'event' } },
    ])
    expect(log).toEqual(['first.1/a#1'])
    await two.runtime.stop()
  })

  it('keeps an event that came for a later pause', async () => {
    const storage = durable()
    let release = () => {}
    const gate = new Promise<void>((resolve) => (release = resolve))
    const pipeline = twoStages([])
    const slow = { ...pipeline, stages: [{ id: 'slow', steps: { s: () => gate } }, ...pipeline.stages] }
    const one = await open(storage, slow)
    one.bus.publish('order', {})
    await clock.settle()
    await one.runtime.submit('go', {})
    await kill(one)
    release()
    const two = await open(storage, slow)
    await clock.settle()
    expect(two.runtime.listAllRuns()).toMatchObject([{ status: 'succeeded', state: { last: 'event' } }])
    await two.runtime.stop()
  })

  it('executes the stage that was cut off again, under the same key, and counts the attempt', async () => {
    const storage = durable()
    const seen: string[] = []
    let hangs = true
    const pipeline: AnyPipeline = {
      id: 'main',
      stages: [
        {
          id: 's',
          steps: {
            work: ({ idempotencyKey, attempt }: StepContext) => {
              seen.push(`${idempotencyKey}#${attempt}`)
              return hangs ? new Promise<never>(() => {}) : {}
            },
          },
        },
      ],
    }
    for (let life = 0; life < 3; life++) {
      const process = await open(storage, pipeline)
      if (life === 0) process.bus.publish('order', {})
      await clock.settle()
      await kill(process)
    }
    hangs = false
    const last = await open(storage, pipeline)
    await clock.settle()
    expect(last.runtime.listAllRuns()).toMatchObject([{ status: 'succeeded' }])
    expect(new Set(seen.map((key) => key.split('#')[0])).size).toBe(1)
    expect(seen.map((key) => key.split('#')[1])).toEqual(['1', '2', '3', '4'])
    await last.runtime.stop()
  })

  it('knows an event again that was accepted before', async () => {
    const storage = durable()
    const one = await open(storage, twoStages([]))
    await one.runtime.submit('order', {}, { id: 'same' })
    await kill(one)
    const two = await open(storage, twoStages([]))
    expect(await two.runtime.submit('order', {}, { id: 'same' })).toMatchObject({
      value: [{ outcome: 'duplicate' }],
    })
    expect(two.runtime.listAllRuns()).toHaveLength(1)
    await two.runtime.stop()
  })

  it('is refused as invalid when its event cannot be stored, and fails when its state cannot', async () => {
    const { sqliteStorage } = await import('../../../src/storage/sqlite/index.js')
    const folder = mkdtempSync(join(tmpdir(), 'busline-'))
    const storage = sqliteStorage({ file: join(folder, 'runs.db') })
    const pipeline: AnyPipeline = {
      id: 'main',
      stages: [{ id: 's', steps: { bad: () => ({ at: new Date(0) }) } }],
    }
    const process = await open(storage, pipeline)
    expect(await process.runtime.submit('order', { when: new Date(0) })).toMatchObject({
      value: [{ outcome: 'invalid' }],
    })
    const result = await process.runtime.invoke('orders', 'placed', {})
    expect(result).toMatchObject({ ok: false, error: { code: 'VALIDATION' }, metadata: { status: 'failed' } })
    await process.runtime.stop()
    await storage.close()
    rmSync(folder, { recursive: true })
  })
})

describe('events that wait for their turn', () => {
  it('wait for it in the next process, in their order', async () => {
    const storage = durable()
    let hangs = true
    const order: unknown[] = []
    const pipeline: AnyPipeline = {
      id: 'main',
      stages: [
        {
          id: 's',
          steps: {
            s: ({ event }: StepContext) =>
              hangs ? new Promise<never>(() => {}) : void order.push(event.payload),
          },
        },
      ],
    }
    const mode = { mode: { type: 'serialized' as const } }
    const one = await open(storage, pipeline, mode)
    for (const n of [1, 2, 3]) await one.runtime.submit('order', n)
    expect(one.receipts.map(({ outcome }) => outcome)).toEqual(['started', 'queued', 'queued'])
    await kill(one)
    hangs = false
    const two = await open(storage, pipeline, mode)
    await clock.settle()
    expect(order).toEqual([1, 2, 3])
    expect(two.receipts.map(({ outcome }) => outcome)).toEqual(['started', 'started'])
    await two.runtime.stop()
  })

  it('begin once when their turn comes while their process recovers, and their runs stay known', async () => {
    const storage = durable()
    let isRecovering = false
    let letGo = () => {}
    const gate = new Promise<void>((resolve) => (letGo = resolve))
    const slow: StorageDriver = {
      ...passingOn(storage),
      scan: async (options) => {
        const page = await storage.scan(options)
        if (!isRecovering || options.prefix !== 'ticket/orders/') return page
        // It is read as an event that waits; by the time it is looked at its run has ended.
        letGo()
        await clock.settle()
        return page
      },
    }
    const begun: string[] = []
    const work = async ({ event }: StepContext) => {
      begun.push(event.id)
      await gate
    }
    const pipeline = { id: 'main', stages: [{ id: 'work', steps: { work } }] }
    const one = await open(slow, pipeline, { mode: { type: 'transient', concurrency: 1 } })
    await one.runtime.submit('order', {}, { id: 'first' })
    await one.runtime.submit('order', {}, { id: 'second' })
    await clock.settle()
    expect(begun).toEqual(['first'])
    isRecovering = true
    await one.runtime.recover()
    await clock.settle()
    expect(begun).toEqual(['first', 'second'])
    expect(one.runtime.listAllRuns()).toMatchObject([
      { eventId: 'first', status: 'succeeded' },
      { eventId: 'second', status: 'succeeded' },
    ])
    await one.runtime.stop()
  })
})

describe('owners', () => {
  it('a run belongs to one process at a time, and to the next when that one is silent for claimTtl', async () => {
    const storage = durable()
    const one = await open(storage, twoStages([]))
    await one.runtime.submit('order', {})
    await clock.settle()
    const two = await open(storage, twoStages([]))
    expect(two.runtime.listAllRuns()).toEqual([])
    expect(await two.runtime.recover()).toMatchObject({ recovered: [], owned: [expect.any(String)] })
    await one.runtime.stop()
    await clock.advance('11s')
    expect(two.runtime.listAllRuns()).toMatchObject([{ status: 'paused' }])
    await two.runtime.stop()
  })

  it('what an owner who was thought dead commits before the claim changes hands is not lost', async () => {
    const storage = durable()
    const one = await open(storage, twoStages([]))
    await one.runtime.submit('order', {})
    await clock.settle()
    await kill(one)
    let scans = 0
    const late: StorageDriver = {
      ...passingOn(storage),
      scan: async (options) => {
        const page = await storage.scan(options)
        if (options.prefix !== 'claim/orders/' || scans++ > 0) return page
        const [stored] = await storage.scan({ prefix: 'run/orders/' })
        const { key, value } = stored! as {
          key: string
          value: { revision: number; checkpoint: RunCheckpoint }
        }
        const { checkpoint, revision } = value
        const root = { ...checkpoint.root, state: { ...checkpoint.root.state, late: true } }
        const record = { ...value, revision: revision + 1, checkpoint: { ...checkpoint, root } }
        await storage.commit([{ type: 'put', key, value: record }])
        return page
      },
    }
    const two = await open(late, twoStages([]))
    expect(two.runtime.listAllRuns()).toMatchObject([{ status: 'paused', state: { late: true } }])
    two.bus.publish('go', {})
    await clock.settle()
    expect(two.runtime.listAllRuns()).toMatchObject([{ status: 'succeeded', state: { late: true } }])
    await two.runtime.stop()
  })

  it('one that was frozen and taken over cannot commit: it is told, and stops', async () => {
    const storage = durable()
    const frozen = faultInjecting(storage, { faults: [], isDurable: true })
    const errors: unknown[] = []
    const one = await open(frozen, twoStages([]))
    one.bus.subscribe('bus:error', ({ payload }) => errors.push(payload.error.code))
    await one.runtime.submit('order', {})
    await clock.settle()
    // Its renewals do not arrive any more, as if it stood still.
    const { runId } = one.runtime.listAllRuns()[0]!
    await storage.commit([
      { type: 'put', key: `claim/orders/${runId}`, value: { epoch: 2, owner: 'another' } },
    ])
    const result = await one.runtime.resume(runId)
    expect(result).toMatchObject({ ok: false, error: { code: 'FENCED' } })
    expect(one.runtime.listAllRuns()).toEqual([])
    expect(errors).toContain('FENCED')
    await one.runtime.stop()
  })
})

describe('versions', () => {
  it('a run of another version stays in the store until migrate brings it here', async () => {
    const storage = durable()
    const one = await open(storage, twoStages([]), {}, { version: '1' })
    await one.runtime.submit('order', {})
    await clock.settle()
    await kill(one)
    const two = await open(storage, twoStages([]), {}, { version: '2' })
    const parked = { status: 'paused', workflowId: 'orders', error: { code: 'VERSION_MISMATCH' } }
    expect(two.runtime.listAllRuns()).toMatchObject([parked])
    const { runId } = two.runtime.listAllRuns()[0]!
    expect(two.runtime.watch('orders', runId)).toMatchObject({ ...parked, event: { type: 'order' } })
    expect(await two.runtime.recover()).toMatchObject({ parked: [{ error: { code: 'VERSION_MISMATCH' } }] })
    const refusal = { ok: false, error: { code: 'VERSION_MISMATCH', context: { runId, from: '1', to: '2' } } }
    expect(await two.runtime.resume(runId)).toMatchObject({
      ...refusal,
      metadata: { runId, workflowId: 'orders', triggerId: 'placed', pipelineId: 'main' },
    })
    expect(await two.runtime.signal(runId, {})).toMatchObject(refusal)
    expect(await two.runtime.abort(runId)).toMatchObject(refusal)
    expect(await two.runtime.exportRun(runId)).toMatchObject(refusal)
    await two.runtime.deregister('orders')
    expect(two.runtime.listAllRuns()).toEqual([])
    await kill(two)
    const migrate = (checkpoint: { root: { state: object } }) => ({
      ...checkpoint,
      root: { ...checkpoint.root, state: { ...checkpoint.root.state, migrated: true } },
    })
    const three = await open(storage, twoStages([]), {}, { version: '2', migrate })
    expect(three.runtime.listAllRuns()).toMatchObject([{ status: 'paused', state: { migrated: true } }])
    expect(three.runtime.listAllRuns()[0]!.error).toBeUndefined()
    await three.runtime.stop()
  })

  it('a run of another version is parked here no more once another process has gone on with it', async () => {
    const storage = durable()
    const one = await open(storage, twoStages([]), {}, { version: '1' })
    await one.runtime.submit('order', {})
    await clock.settle()
    await kill(one)
    const two = await open(storage, twoStages([]), {}, { version: '2' })
    const { runId } = two.runtime.listAllRuns()[0]!
    const old = await open(storage, twoStages([]), {}, { version: '1' })
    expect(await old.runtime.resume(runId)).toMatchObject({ ok: true, value: { status: 'succeeded' } })
    expect(await two.runtime.recover()).toMatchObject({ parked: [] })
    expect(two.runtime.listAllRuns()).toEqual([])
    await Promise.all([old.runtime.stop(), two.runtime.stop()])
  })

  it.each<[string, (checkpoint: RunCheckpoint) => unknown]>([
    ['nothing', () => undefined],
    ['an empty object', () => ({})],
    ['a promise', (checkpoint) => Promise.resolve(checkpoint)],
    ['a state that is none', (checkpoint) => ({ ...checkpoint, root: { ...checkpoint.root, state: 5 } })],
    ['no root', (checkpoint) => ({ ...checkpoint, root: null })],
  ])('a migrate that returns %s leaves the run as it is', async (_what, migrate) => {
    const storage = durable()
    const one = await open(storage, twoStages([]), {}, { version: '1' })
    await one.runtime.submit('order', {})
    await clock.settle()
    await kill(one)
    const two = await open(storage, twoStages([]), {}, { version: '2', migrate })
    expect(await two.runtime.recover()).toMatchObject({ parked: [{ error: { code: 'VERSION_MISMATCH' } }] })
    await two.runtime.stop()
    const again = await open(storage, twoStages([]), {}, { version: '1' })
    expect(again.runtime.listAllRuns()).toMatchObject([{ status: 'paused' }])
    await again.runtime.stop()
  })
})

describe('timelines', () => {
  it('are kept beside the runs, and go on without a gap', async () => {
    const storage = durable()
    const { StoredTimelineStore } = await import('../../../src/timeline/stored-timeline-store.js')
    const one = await open(storage, twoStages([]))
    await one.runtime.submit('order', {})
    await clock.settle()
    expect((await new StoredTimelineStore(storage).listRuns({ status: 'paused' })).runs).toHaveLength(1)
    await kill(one)
    const two = await open(storage, twoStages([]))
    two.bus.publish('go', {})
    await clock.settle()
    expect((await new StoredTimelineStore(storage).listRuns({ status: 'complete' })).runs).toHaveLength(1)
    const [{ runId } = { runId: '' }] = two.runtime.listAllRuns()
    await two.runtime.stop()
    const events = await new StoredTimelineStore(storage).getEvents(runId)
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_event, index) => index + 1))
    expect(events.at(-1)?.type).toBe('pipeline:success')
  })
})
