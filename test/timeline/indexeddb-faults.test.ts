import 'fake-indexeddb/auto'
import { type BusFault, WorkflowRuntime, createEventBus } from 'busline'
import { deleteDB, openDB } from 'idb'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { indexedDbStorage } from '../../src/storage/indexeddb/index.js'
import { StoredTimelineStore } from '../../src/timeline/stored-timeline-store.js'
import { quietLogger } from '../runtime/open-runtime.js'

afterEach(() => void vi.restoreAllMocks())

/** A runtime that records in a database of its own. @param maxBufferedEvents How many the store may leave waiting. */
async function open(name: string, maxBufferedEvents = 10_000, openTimeout = 10_000) {
  const storage = indexedDbStorage({ name, openTimeout })
  const store = new StoredTimelineStore(storage)
  const bus = createEventBus({ onError: () => {} })
  const faults: BusFault[] = []
  bus.subscribe('bus:error', ({ payload }) => void faults.push(payload))
  const runtime = new WorkflowRuntime({
    bus,
    logger: quietLogger,
    timelineStore: store,
    timeline: { flushInterval: 5, closeTimeout: 200, maxBufferedEvents },
  })
  await runtime.register({
    id: 'w',
    triggers: { t: { event: 'go' } },
    pipelines: {
      m: { id: 'm', stages: ['a', 'b', 'c'].map((id) => ({ id, steps: { [id]: () => ({ [id]: 1 }) } })) },
    },
  })
  /** The id of a run that ended well, whatever becomes of its timeline. */
  const run = async () => {
    const result = await runtime.invoke('w', 't', {})
    expect(result).toMatchObject({ ok: true, value: { state: { a: 1, b: 1, c: 1 } } })
    return result.metadata.runId
  }
  /** Resolves when the end of the run is on its timeline. */
  const untilComplete = (runId: string) =>
    expect.poll(() => store.getRunMeta(runId), { timeout: 60_000 }).toMatchObject({ status: 'complete' })
  const losses = () => faults.filter(({ what }) => what === 'Recording').map(({ error }) => error)
  const close = async () => {
    await runtime.stop()
    await storage.close()
  }
  return { store, run, untilComplete, losses, close }
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

describe('recording in IndexedDB', () => {
  it('goes without what finds no room on a full disk, says so, and goes on once there is room', async () => {
    const { store, run, untilComplete, losses, close } = await open('full-disk', 12)
    abortWrites('QuotaExceededError')
    const runId = await run()
    await expect.poll(losses).not.toEqual([])
    expect(losses()[0]).toMatchObject({ code: 'STORAGE', context: { runId, reason: 'buffer' } })
    vi.restoreAllMocks()
    await untilComplete(runId)
    const meta = (await store.getRunMeta(runId))!
    expect(meta).toMatchObject({ status: 'complete', eventCount: 12, lostEvents: 8 })
    expect((await store.getEvents(runId)).map(({ seq }) => seq)).toEqual(
      Array.from({ length: 12 }, (_, index) => index + 1),
    )
    await close()
  })

  it('keeps what there is room for while another tab is in the way of opening, and stores it afterwards', async () => {
    const name = 'blocked'
    const inTheWay = await openDB(name, 1)
    const deletion = deleteDB(name)
    const { store, run, untilComplete, losses, close } = await open(name, 12, 20)
    const runId = await run()
    await expect(store.getRunMeta(runId)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    inTheWay.close()
    await deletion
    await untilComplete(runId)
    expect(await store.getRunMeta(runId)).toMatchObject({ status: 'complete', eventCount: 12, lostEvents: 8 })
    expect(losses()[0]).toMatchObject({ code: 'STORAGE', context: { runId, reason: 'buffer' } })
    const next = await run()
    await untilComplete(next)
    await close()
  })

  it('gives way to the newer version of another tab, and says what is lost by it', async () => {
    const name = 'newer-version'
    const { run, untilComplete, losses, close } = await open(name)
    const before = await run()
    await untilComplete(before)
    // Opens at once: the connection of the recording does not stand in its way.
    const newer = await openDB(name, 2)
    const runId = await run()
    await expect.poll(losses).not.toEqual([])
    expect(losses()[0]).toMatchObject({
      code: 'STORAGE',
      context: { runId, reason: 'store' },
      cause: { code: 'VERSION_MISMATCH', context: { database: name } },
    })
    expect(await run()).not.toBe(runId)
    newer.close()
    await close()
  })

  it('does not take a database that was deleted under it for an empty one, and records again after a reload', async () => {
    const name = 'deleted'
    const { run, untilComplete, losses, close } = await open(name)
    const before = await run()
    await untilComplete(before)
    await deleteDB(name)
    const runIds = [await run(), await run()]
    await close()
    for (const runId of runIds) {
      const context = { runId, lostEvents: 20, reason: 'closed' }
      expect(losses()).toContainEqual(expect.objectContaining({ code: 'STORAGE', context }))
    }
    expect(losses()).toHaveLength(2)
    const reloaded = await open(name)
    const runId = await reloaded.run()
    await reloaded.untilComplete(runId)
    expect((await reloaded.store.listRuns()).runs.map((meta) => meta.runId)).toEqual([runId])
    await reloaded.close()
  })
})
