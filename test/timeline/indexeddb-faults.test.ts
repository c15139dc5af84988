import 'fake-indexeddb/auto'
import { type BusFault, WorkflowRuntime, createEventBus } from 'busline'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { indexedDbStorage } from '../../src/storage/indexeddb/index.js'
import { StoredTimelineStore } from '../../src/timeline/stored-timeline-store.js'
import { quietLogger } from '../runtime/open-runtime.js'

const waiting = { timeout: 60_000 }

afterEach(() => void vi.restoreAllMocks())

/** A runtime that records in a database of its own, and keeps no more than a few events that the store did not take. */
async function open() {
  const storage = indexedDbStorage({ name: 'timeline-faults' })
  const store = new StoredTimelineStore(storage)
  const bus = createEventBus({ onError: () => {} })
  const faults: BusFault[] = []
  bus.subscribe('bus:error', ({ payload }) => void faults.push(payload))
  const runtime = new WorkflowRuntime({
    bus,
    logger: quietLogger,
    timelineStore: store,
    timeline: { flushInterval: 5, closeTimeout: 200, maxBufferedEvents: 12 },
  })
  await runtime.register({
    id: 'w',
    triggers: { t: { event: 'go' } },
    pipelines: {
      m: { id: 'm', stages: ['a', 'b', 'c'].map((id) => ({ id, steps: { [id]: () => ({ [id]: 1 }) } })) },
    },
  })
  const run = async () => {
    const result = await runtime.invoke('w', 't', {})
    // Whatever becomes of its timeline.
    expect(result).toMatchObject({ ok: true, value: { state: { a: 1, b: 1, c: 1 } } })
    return result.metadata.runId
  }
  const losses = () => faults.filter(({ what }) => what === 'Recording').map(({ error }) => error)
  const close = async () => {
    await runtime.stop()
    await storage.close()
  }
  return { store, run, losses, close }
}

/** Lets every write fail as browsers do it: the requests succeed, the transaction is aborted with this error. */
function abortWrites(reason: string) {
  // Called with its database as `this`, below.
  // eslint-disable-next-line @typescript-eslint/unbound-method
  const original = IDBDatabase.prototype.transaction
  vi.spyOn(IDBDatabase.prototype, 'transaction').mockImplementation(function (this: IDBDatabase, ...args) {
    const transaction = original.apply(this, args)
    const fake = transaction as unknown as { _abort(name: string): void }
    if (args[1] === 'readwrite') setImmediate(() => fake._abort(reason))
    return transaction
  })
}

describe('recording in IndexedDB', { timeout: 120_000 }, () => {
  it('goes without what finds no room on a full disk, says so, and goes on once there is room', async () => {
    const { store, run, losses, close } = await open()
    abortWrites('QuotaExceededError')
    const runId = await run()
    await vi.waitFor(() => expect(losses()).not.toEqual([]), waiting)
    expect(losses()[0]).toMatchObject({ code: 'STORAGE', context: { runId, reason: 'buffer' } })
    vi.restoreAllMocks()
    await vi.waitFor(async () => expect(await store.getRunMeta(runId)).toBeDefined(), waiting)
    const meta = (await store.getRunMeta(runId))!
    expect(meta).toMatchObject({ status: 'complete', eventCount: 12, lostEvents: 8 })
    expect((await store.getEvents(runId)).map(({ seq }) => seq)).toEqual(
      Array.from({ length: 12 }, (_, index) => index + 1),
    )
    await close()
  })
})
