import { beforeEach, describe, expect, it } from 'vitest'
import { memoryStorage } from '../../src/storage/memory-storage.js'
import { faultInjecting, simulatedClock } from '../../src/testing/index.js'
import { MemoryTimelineStore } from '../../src/timeline/memory-timeline-store.js'
import { StoredTimelineStore } from '../../src/timeline/stored-timeline-store.js'
import type {
  RunFilter,
  TimelineBatch,
  TimelineStatus,
  TimelineStore,
} from '../../src/timeline/timeline-store.js'
import { STORES, batchOf, jsonStorage, metaOf, textOf } from './timeline-fixtures.js'

describe.each([
  ...STORES,
  ['StoredTimelineStore on JSON', (clock) => new StoredTimelineStore(jsonStorage(), { clock })],
] as typeof STORES)('%s', (_name, createStore) => {
  const clock = simulatedClock(100_000)
  let store: TimelineStore
  beforeEach(() => {
    store = createStore(clock)
  })

  it('gives back what was appended, whole or in part, across several appends', async () => {
    const first = batchOf('run', 1, 7)
    const second = batchOf('run', 8, 450, { previousStatus: 'recording' })
    await store.append([first])
    await store.append([second])
    const all = [...first.events, ...second.events]
    expect(await store.getEvents('run')).toEqual(all)
    expect(await store.getEvents('run', 1, 1)).toEqual(all.slice(0, 1))
    expect(await store.getEvents('run', 7, 8)).toEqual(all.slice(6, 8))
    expect(await store.getEvents('run', 200, 401)).toEqual(all.slice(199, 401))
    expect(await store.getEvents('run', 449)).toEqual(all.slice(448))
    expect(await store.getEvents('run', 451)).toEqual([])
    expect(await store.getEvents('run', 5, 4)).toEqual([])
    expect(await store.getEvents('run', -3, 0)).toEqual([])
  })

  it('gives each event its own payload, also where several share one object', async () => {
    const { meta, events } = batchOf('run', 1, 60)
    const shared = [{ stageId: 'a' }, { stageId: 'b' }, { stageId: 'c' }]
    const mixed = events.map((event, index) => ({
      ...event,
      // Close to each other, far from each other, and alone.
      payload: index % 20 < 6 ? shared[index % 2]! : index % 20 === 10 ? shared[2]! : event.payload,
    }))
    await store.append([{ meta, events: mixed }])
    expect(await store.getEvents('run')).toEqual(mixed)
    expect(await store.getEvents('run', 3, 31)).toEqual(mixed.slice(2, 31))
  })

  it('knows after each append how far a run has come that goes on, and all of it once it has ended', async () => {
    const whole = createStore(clock)
    await store.append([batchOf('run', 1, 5)])
    for (const [from, to] of [
      [6, 7],
      [8, 10],
      [11, 14],
      [15, 19],
    ] as const) {
      await store.append([batchOf('run', from, to, { previousStatus: 'recording' })])
      const known = createStore(clock)
      await known.append([batchOf('run', 1, to)])
      expect(await store.getRunMeta('run')).toEqual(await known.getRunMeta('run'))
      expect((await store.listRuns({ status: 'recording' })).runs).toEqual((await known.listRuns()).runs)
    }
    expect((await store.getNearestSnapshot('run', 19))?.seq).toBe(11)
    const end = { status: 'complete', endTime: 5_000 } as const
    await store.append([batchOf('run', 20, 25, { ...end, previousStatus: 'recording' })])
    await whole.append([batchOf('run', 1, 25, end)])
    expect(await store.getRunMeta('run')).toEqual(await whole.getRunMeta('run'))
    expect(await textOf(store.exportRun('run'))).toBe(await textOf(whole.exportRun('run')))
  })

  it('forgets nothing of what was lost while a run goes on', async () => {
    await store.append([batchOf('run', 1, 5)])
    await store.append([batchOf('run', 6, 7, { previousStatus: 'recording', lostEvents: 3 })])
    await store.append([batchOf('run', 8, 9, { previousStatus: 'recording', lostEvents: 4 })])
    expect(await store.getRunMeta('run')).toMatchObject({ eventCount: 9, lostEvents: 4 })
  })

  it('counts a batch once that is appended twice', async () => {
    await store.append([batchOf('run', 1, 7)])
    await store.append([batchOf('run', 1, 7)])
    await store.append([batchOf('run', 1, 9)])
    expect((await store.getEvents('run')).map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9])
    expect(await store.getRunMeta('run')).toMatchObject({ eventCount: 9 })
  })

  it('gives an event once that came with two batches', async () => {
    const whole = batchOf('run', 1, 12)
    await store.append([batchOf('run', 1, 7)])
    await store.append([batchOf('run', 5, 12)])
    expect(await store.getEvents('run')).toEqual(whole.events)
    expect(await store.getEvents('run', 6)).toEqual(whole.events.slice(5))
    expect(await store.getEvents('run', 2, 8)).toEqual(whole.events.slice(1, 8))
    expect(await store.getRunMeta('run')).toMatchObject({ eventCount: 12 })
  })

  it('refuses two batches of one run in one append, and keeps neither nor any other', async () => {
    await store.append([batchOf('known', 1, 7)])
    for (const [runId, from] of [
      ['new', 1],
      ['known', 8],
    ] as const) {
      const batch = batchOf(runId, from, from + 6)
      const others = [batch, batchOf(runId, from + 4, from + 9), batchOf(runId, from + 7, from + 9)]
      for (const other of others) {
        await expect(store.append([batch, batchOf('other', 1, 2), other])).rejects.toMatchObject({
          code: 'VALIDATION',
          context: { runId },
        })
      }
    }
    expect((await store.listRuns()).runs).toMatchObject([{ runId: 'known', eventCount: 7 }])
    expect(await store.getEvents('known')).toHaveLength(7)
    expect(await store.getEvents('new')).toEqual([])
  })

  it('knows nothing of a run that never existed', async () => {
    expect(await store.getRunMeta('nobody')).toBeUndefined()
    expect(await store.getEvents('nobody')).toEqual([])
    expect(await store.getNearestSnapshot('nobody', 5)).toBeUndefined()
    expect(await store.deleteRun('nobody')).toBe(false)
    await expect(textOf(store.exportRun('nobody'))).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })

  it('finds the last snapshot at an event or before it', async () => {
    await store.append([batchOf('run', 1, 35)])
    expect(await store.getNearestSnapshot('run', 0)).toBeUndefined()
    expect(await store.getNearestSnapshot('run', 1)).toEqual({ seq: 1, state: { count: 1 } })
    expect(await store.getNearestSnapshot('run', 20)).toEqual({ seq: 11, state: { count: 11 } })
    expect(await store.getNearestSnapshot('run', 21)).toEqual({ seq: 21, state: { count: 21 } })
    expect(await store.getNearestSnapshot('run', 999)).toEqual({ seq: 31, state: { count: 31 } })
  })

  it('keeps runs apart whose ids begin alike, hold a slash or a percent sign', async () => {
    const ids = ['a', 'a/b', 'a%002fb', 'a/', 'ab', 'ä\u{1F600}', '\ud800']
    for (const id of ids) await store.append([batchOf(id, 1, 2, { workflowId: `${id}/x` })])
    for (const runId of ids) {
      expect(await store.getEvents(runId)).toMatchObject([{ runId }, { runId }])
      expect((await store.listRuns({ workflowId: `${runId}/x` })).runs).toMatchObject([{ runId }])
    }
    await store.deleteRun('a')
    expect((await store.listRuns()).runs).toHaveLength(ids.length - 1)
    expect(await store.getEvents('a/b')).toHaveLength(2)
  })

  it('lists runs by workflow, status and time, the newest first, in pages', async () => {
    const statuses: readonly TimelineStatus[] = ['complete', 'failed', 'paused']
    const batches: TimelineBatch[] = []
    for (let index = 0; index < 30; index++) {
      batches.push(
        batchOf(`run-${index}`, 1, 2, {
          startTime: 1_000 + Math.floor(index / 2),
          workflowId: index % 2 === 0 ? 'orders' : 'mails',
          status: statuses[index % 3]!,
        }),
      )
    }
    await store.append(batches)
    const metas = batches.map(({ meta }) => meta)
    const filters: RunFilter[] = [
      {},
      { workflowId: 'orders' },
      { status: 'failed' },
      { workflowId: 'mails', status: 'paused' },
      { from: 1_004, to: 1_009 },
      { workflowId: 'orders', from: 1_003 },
      { status: 'complete', to: 1_007 },
      { workflowId: 'nothing' },
    ]
    for (const filter of filters) {
      const expected = metas
        .filter(({ workflowId }) => filter.workflowId === undefined || workflowId === filter.workflowId)
        .filter(({ status }) => filter.status === undefined || status === filter.status)
        .filter(({ startTime }) => startTime >= (filter.from ?? 0) && startTime <= (filter.to ?? Infinity))
        .sort((a, b) => b.startTime - a.startTime || (a.runId < b.runId ? 1 : -1))
        .map(({ runId }) => runId)
      const found: string[] = []
      let cursor: string | undefined
      do {
        const page = await store.listRuns({
          ...filter,
          limit: 4,
          ...(cursor === undefined ? {} : { cursor }),
        })
        found.push(...page.runs.map(({ runId }) => runId))
        cursor = page.cursor
      } while (cursor !== undefined)
      expect(found, JSON.stringify(filter)).toEqual(expected)
    }
  })

  it('lists a run under its present status only', async () => {
    await store.append([batchOf('run', 1, 2)])
    await store.append([batchOf('run', 3, 4, { status: 'paused', previousStatus: 'recording' })])
    await store.append([batchOf('run', 5, 6, { status: 'complete', previousStatus: 'paused', endTime: 9 })])
    for (const status of ['recording', 'paused', 'failed', 'aborted'] as const) {
      expect((await store.listRuns({ status })).runs).toEqual([])
    }
    expect((await store.listRuns({ status: 'complete' })).runs).toMatchObject([{ runId: 'run', endTime: 9 }])
  })

  it.each([0, 1001, 1.5, NaN])('refuses to list %d runs at once', async (limit) => {
    await expect(store.listRuns({ limit })).rejects.toMatchObject({ code: 'VALIDATION' })
  })

  it.each(['nonsense', '', '5', 'run/1', 5, null])(
    'refuses %j, which is the cursor of no page',
    async (cursor) => {
      await store.append([batchOf('run', 1, 2)])
      await expect(store.listRuns({ cursor: cursor as string })).rejects.toMatchObject({
        code: 'VALIDATION',
        message: expect.stringContaining('"cursor" must be that of the page before') as string,
      })
    },
  )

  it('leaves nothing of a run that is deleted', async () => {
    await store.append([batchOf('run', 1, 300), batchOf('other', 1, 3)])
    expect(await store.deleteRun('run')).toBe(true)
    expect(await store.getRunMeta('run')).toBeUndefined()
    expect(await store.getEvents('run')).toEqual([])
    expect((await store.listRuns()).runs).toMatchObject([{ runId: 'other' }])
  })

  it('prunes finished runs by age, number and size, and never one that has not ended', async () => {
    const endings: readonly (readonly [string, number, TimelineStatus])[] = [
      ['live', 1_000, 'recording'],
      ['old', 2_000, 'complete'],
      ['asleep', 3_000, 'paused'],
      ['newer', 50_000, 'failed'],
      ['newest', 60_000, 'aborted'],
    ]
    for (const [runId, startTime, status] of endings) {
      await store.append([batchOf(runId, 1, 20, { startTime, status, endTime: startTime })])
    }
    const left = async () => (await store.listRuns()).runs.map(({ runId }) => runId).sort()

    expect(await store.prune({ olderThan: '1h' })).toEqual({ runs: 0, events: 0 })
    expect(await store.prune({ olderThan: '60s' })).toEqual({ runs: 1, events: 20 })
    expect(await left()).toEqual(['asleep', 'live', 'newer', 'newest'])
    expect((await store.prune({ maxRuns: 3 })).runs).toBe(1)
    expect(await left()).toEqual(['asleep', 'live', 'newest'])
    expect((await store.prune({ maxBytes: 1e9 })).runs).toBe(0)
    expect((await store.prune({ maxBytes: 10 })).runs).toBe(1)
    expect(await left()).toEqual(['asleep', 'live'])
    expect(await store.getEvents('newest')).toEqual([])
  })

  it('exports a run as lines that another store imports', async () => {
    const batch = batchOf('run', 1, 30, {
      status: 'complete',
      endTime: 7,
      metadata: { note: '</script>\u2028 "x"' },
    })
    await store.append([batch])
    const text = await textOf(store.exportRun('run'))
    expect(text.split('\n')).toHaveLength(32)
    const copy = createStore(clock)
    await copy.importRun(text)
    expect(await copy.getEvents('run')).toEqual(batch.events)
    expect(await copy.getRunMeta('run')).toMatchObject(batch.meta)
    expect(await textOf(copy.exportRun('run'))).toBe(text)
    await expect(copy.importRun(text)).rejects.toMatchObject({ code: 'DUPLICATE_KEY' })
  })

  it('imports nothing of an export that is cut in half, wherever the cut is', async () => {
    await store.append([batchOf('run', 1, 5)])
    const text = await textOf(store.exportRun('run'))
    const copy = createStore(clock)
    for (let length = 0; length < text.length - 1; length += 7) {
      await expect(copy.importRun(text.slice(0, length))).rejects.toMatchObject({ code: 'VALIDATION' })
    }
    expect((await copy.listRuns()).runs).toEqual([])
    expect((await copy.importRun(text.slice(0, -1))).eventCount).toBe(5)
  })

  it.each([
    ['an event too many', (lines: string[]) => [...lines, lines.at(-1)!]],
    ['events out of order', ([head, a, b]: string[]) => [head!, b!, a!]],
    ['an event of another run', ([head, a]: string[]) => [head!, a!.replace('"run"', '"other"')]],
    ['no header', (lines: string[]) => lines.slice(1)],
    ['another format', ([head, ...rest]: string[]) => [head!.replace('busline-timeline', 'csv'), ...rest]],
    ['a header without a run', () => ['{"format":"busline-timeline","version":1,"meta":{}}']],
    ['a line that is no object', ([head]: string[]) => [head!, '7', '8']],
    ['nothing at all', () => ['']],
  ] as const)('refuses to import %s', async (_case, change) => {
    await store.append([batchOf('run', 1, 2)])
    const lines = (await textOf(store.exportRun('run'))).trimEnd().split('\n')
    const copy = createStore(clock)
    await expect(copy.importRun(change(lines).join('\n'))).rejects.toMatchObject({ code: 'VALIDATION' })
    expect((await copy.listRuns()).runs).toEqual([])
  })

  it('refuses an export of a newer version, saying so', async () => {
    await store.append([batchOf('run', 1, 2)])
    const text = (await textOf(store.exportRun('run'))).replace('"version":1', '"version":2')
    await expect(createStore(clock).importRun(text)).rejects.toMatchObject({
      code: 'VERSION_MISMATCH',
      message: expect.stringContaining('update it'),
    })
  })

  it('imports from a stream whose pieces end anywhere', async () => {
    await store.append([batchOf('run', 1, 12)])
    const text = await textOf(store.exportRun('run'))
    async function* pieces() {
      for (let at = 0; at < text.length; at += 13) yield text.slice(at, at + 13)
    }
    const copy = createStore(clock)
    await copy.importRun(pieces())
    expect(await copy.getEvents('run')).toEqual(await store.getEvents('run'))
  })
})

describe('exportRun()', () => {
  it('loses nothing that a state can hold: dates, binary data, undefined, odd numbers and keys', async () => {
    const store = new MemoryTimelineStore()
    const snapshot = {
      at: new Date(5),
      never: new Date(NaN),
      bytes: new Uint8Array([1, 2, 255]),
      buffer: new Uint16Array([1, 65_535]).buffer,
      nothing: undefined,
      numbers: [NaN, Infinity, -Infinity, -0, 1.5],
      tagged: { $busline: ['date', 5], more: { $busline: 1 } },
      ['__proto__x']: 1,
    }
    const { meta, events } = batchOf('run', 1, 1)
    await store.append([{ meta, events: [{ ...events[0]!, snapshot }] }])
    const copy = new MemoryTimelineStore()
    await copy.importRun(await textOf(store.exportRun('run')))
    const [event] = await copy.getEvents('run')
    expect(event!.snapshot).toStrictEqual(snapshot)
  })

  it('names the value that has no form in JSON', async () => {
    const store = new MemoryTimelineStore()
    const { meta, events } = batchOf('run', 1, 1)
    await store.append([{ meta, events: [{ ...events[0]!, snapshot: { file: new Blob(['x']) } }] }])
    await expect(textOf(store.exportRun('run'))).rejects.toMatchObject({
      code: 'VALIDATION',
      context: { path: '1.snapshot.file' },
    })
  })
})

describe('MemoryTimelineStore', () => {
  it('makes room by letting go of the runs that finished first, and counts them', async () => {
    const store = new MemoryTimelineStore({ maxRuns: 3 })
    await store.append([batchOf('live', 1, 1)])
    await store.append([batchOf('b', 1, 1, { status: 'complete' })])
    await store.append([batchOf('a', 1, 1, { status: 'failed' })])
    await store.append([batchOf('c', 1, 1, { status: 'complete' })])
    expect(await store.getRunMeta('b')).toBeUndefined()
    expect(await store.getRunMeta('live')).toBeDefined()
    expect(store.size).toEqual({ runs: 3, events: 3, evictedRuns: 1, evictedEvents: 1 })
  })

  it('is bounded by events over all runs', async () => {
    const store = new MemoryTimelineStore({ maxEvents: 100 })
    for (let index = 0; index < 20; index++) {
      await store.append([batchOf(`run-${index}`, 1, 30, { status: 'complete' })])
      expect(store.size.events).toBeLessThanOrEqual(100)
    }
    expect(store.size).toMatchObject({ runs: 3, evictedRuns: 17, evictedEvents: 510 })
  })

  it('refuses with CAPACITY, all of an append, when only live runs are left', async () => {
    const store = new MemoryTimelineStore({ maxRuns: 2, maxEvents: 50 })
    await store.append([batchOf('a', 1, 20), batchOf('b', 1, 20)])
    const append = store.append([batchOf('a', 21, 25), batchOf('c', 1, 1)])
    await expect(append).rejects.toMatchObject({ code: 'CAPACITY' })
    await expect(store.append([batchOf('b', 21, 31)])).rejects.toMatchObject({ code: 'CAPACITY' })
    expect(store.size).toMatchObject({ runs: 2, events: 40 })
  })

  it('refuses events whose predecessors it does not have', async () => {
    const store = new MemoryTimelineStore()
    await expect(store.append([batchOf('run', 3, 4)])).rejects.toMatchObject({ code: 'VALIDATION' })
    expect(await store.getRunMeta('run')).toBeUndefined()
  })

  it('hands out events that nobody can change', async () => {
    const store = new MemoryTimelineStore()
    await store.append([batchOf('run', 1, 2)])
    const [event] = await store.getEvents('run')
    expect(() => ((event!.payload as { stageId: string }).stageId = 'x')).toThrow(TypeError)
  })
})

describe('StoredTimelineStore', () => {
  it('stores any number of batches in one commit, with a few records each', async () => {
    const driver = faultInjecting(memoryStorage(), {})
    const commits: number[] = []
    const counted = { ...driver, commit: driver.commit.bind(driver) }
    const store = new StoredTimelineStore({
      ...counted,
      get: driver.get.bind(driver),
      scan: driver.scan.bind(driver),
      commit(operations) {
        commits.push(operations.filter(({ type }) => type !== 'expect').length)
        return driver.commit(operations)
      },
    })
    await store.append([batchOf('a', 1, 150), batchOf('b', 1, 150)])
    await store.append([batchOf('a', 151, 300, { previousStatus: 'recording' })])
    expect(commits).toEqual([10, 2])
  })

  it('leaves nothing at all behind when every run is deleted', async () => {
    const driver = memoryStorage()
    const store = new StoredTimelineStore(driver)
    await store.append([batchOf('a', 1, 500)])
    await store.append([batchOf('a', 501, 502, { status: 'complete', previousStatus: 'recording' })])
    await store.deleteRun('a')
    expect(await driver.scan({ prefix: '' })).toEqual([])
  })

  it('looks no further for runs that are too old than where they end', async () => {
    const callsFor = async (kept: number) => {
      const driver = faultInjecting(memoryStorage(), {})
      const store = new StoredTimelineStore(driver, { clock: simulatedClock(100_000) })
      for (let run = 0; run < kept + 3; run++) {
        const startTime = run < 3 ? 1000 : 90_000
        await store.append([
          batchOf(`run-${run}`, 1, 1, { startTime, endTime: startTime, status: 'complete' }),
        ])
      }
      const before = driver.totalCalls
      expect(await store.prune({ olderThan: '60s' })).toEqual({ runs: 3, events: 3 })
      return driver.totalCalls - before
    }
    expect(await callsFor(1000)).toBe(await callsFor(300))
  })

  it('is well again after a commit of which nobody knew whether it was applied', async () => {
    const driver = faultInjecting(memoryStorage(), {
      faults: [{ type: 'fail-applied', at: 1, on: 'commit' }],
    })
    const store = new StoredTimelineStore(driver)
    await expect(store.append([batchOf('run', 1, 5, { status: 'paused' })])).rejects.toThrow()
    await store.append([batchOf('run', 1, 8, { status: 'complete' })])
    expect((await store.getEvents('run')).map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    expect((await store.listRuns({ status: 'paused' })).runs).toEqual([])
    expect((await store.listRuns({ status: 'complete' })).runs).toHaveLength(1)
  })

  it('counts the bytes of a run once, however often they are written', async () => {
    const store = new StoredTimelineStore(memoryStorage())
    await store.append([batchOf('run', 1, 50)])
    await store.append([batchOf('run', 1, 50)])
    const { bytes } = (await store.getRunMeta('run'))!
    const other = new StoredTimelineStore(memoryStorage())
    await other.append([batchOf('run', 1, 20)])
    await other.append([batchOf('run', 21, 50, { previousStatus: 'recording' })])
    expect((await other.getRunMeta('run'))!.bytes).toBe(bytes)
    expect(bytes).toBeGreaterThan(50 * 100)
  })

  it('writes but events as long as a run goes on without a snapshot', () => {
    const store = new StoredTimelineStore(memoryStorage())
    const kindsOf = (batch: TimelineBatch) =>
      store
        .writes(batch)
        .operations.map((each) => `${each.type} ${'key' in each ? each.key.split('/')[1] : ''}`)
    const recording = { previousStatus: 'recording' } as const
    const paused = { status: 'paused' } as const
    const entered = ['put by-time', 'put by-workflow', 'put by-status']
    expect(kindsOf(batchOf('run', 1, 5))).toEqual(['put events', 'put run', ...entered])
    expect(kindsOf(batchOf('run', 6, 10, recording))).toEqual(['put events'])
    expect(kindsOf(batchOf('run', 11, 12, recording))).toEqual(['put events', 'put run'])
    expect(kindsOf(batchOf('run', 13, 14, { ...paused, ...recording }))).toEqual([
      'put events',
      'put run',
      'delete by-status',
      ...entered,
    ])
    expect(kindsOf(batchOf('run', 15, 16, { ...paused, previousStatus: 'paused' }))).toEqual(['put events'])
  })

  it('stores once what several events say with one object', async () => {
    const driver = memoryStorage()
    const store = new StoredTimelineStore(driver)
    const { meta, events } = batchOf('run', 1, 9)
    const payload = { stageId: 'long-'.repeat(100) }
    await store.append([{ meta, events: events.map((event) => ({ ...event, payload })) }])
    const [record] = await driver.scan({ prefix: 'timeline/events/run/' })
    expect(JSON.stringify(record).split(payload.stageId)).toHaveLength(2)
  })

  it('takes states of 5 MB, a snapshot with every event', async () => {
    const store = new StoredTimelineStore(memoryStorage())
    const { meta, events } = batchOf('run', 1, 30)
    const large = events.map((event) => ({
      ...event,
      snapshot: { text: `${event.seq}${'x'.repeat(5_000_000)}` },
    }))
    await store.append([{ meta, events: large }])
    const [event] = await store.getEvents('run', 17, 17)
    expect((event!.snapshot as { text: string }).text.slice(0, 3)).toBe('17x')
  })

  it('refuses a run that a newer version stored, saying so', async () => {
    const driver = memoryStorage()
    const store = new StoredTimelineStore(driver)
    await store.append([batchOf('run', 1, 2)])
    const key = (await driver.scan({ prefix: 'timeline/run/' }))[0]!.key
    await driver.commit([{ type: 'put', key, value: { layout: 99, meta: metaOf('run') } }])
    const newer = { code: 'VERSION_MISMATCH', context: { runId: 'run', layout: 99 } }
    await expect(store.getRunMeta('run')).rejects.toMatchObject(newer)
    await expect(store.listRuns()).rejects.toMatchObject(newer)
    await expect(store.deleteRun('run')).rejects.toMatchObject(newer)
  })
})
