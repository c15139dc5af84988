import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { sqliteStorage } from 'busline/storage/sqlite'
import { memoryStorage } from '../../src/storage/memory-storage.js'
import { simulatedClock } from '../../src/testing/index.js'
import { MemoryTimelineStore } from '../../src/timeline/memory-timeline-store.js'
import { StoredTimelineStore } from '../../src/timeline/stored-timeline-store.js'
import { placeOf } from '../../src/timeline/timeline-keys.js'
import {
  type RunFilter,
  TIMELINE_STATUSES,
  type TimelineBatch,
  type TimelineStatus,
  type TimelineStore,
  isFinished,
} from '../../src/timeline/timeline-store.js'
import { batchOf, textOf } from './timeline-fixtures.js'

const IDS = ['a', 'a/b', 'a%002fb', 'b', 'ä\u{1F600}', '\ud800', '..', 'x'.repeat(50)]
const WORKFLOWS = ['w', 'w/v', '%']
const TIMES = [0, 1, 1.2, 1.7, 2, 10, 1e12, 1e12 + 0.5, 999, 1000.25, -1, -7.5]

type Call =
  | {
      readonly do: 'append'
      readonly run: number
      readonly count: number
      readonly status: TimelineStatus
      readonly time: number
      readonly workflow: number
      readonly isTwice: boolean
    }
  | { readonly do: 'delete' | 'export'; readonly run: number }
  | { readonly do: 'events'; readonly run: number; readonly from: number; readonly to: number }
  | { readonly do: 'snapshot'; readonly run: number; readonly seq: number }
  | { readonly do: 'list'; readonly filter: RunFilter }
  | { readonly do: 'prune'; readonly maxRuns: number | undefined; readonly olderThan: number | undefined }

const status = fc.constantFrom(...TIMELINE_STATUSES, 'recording' as const, 'recording' as const)
const run = fc.nat(IDS.length - 1)
const time = fc.constantFrom(...TIMES)
const call: fc.Arbitrary<Call> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('append' as const),
      run,
      count: fc.nat(14),
      status,
      time,
      workflow: fc.nat(2),
      isTwice: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('delete' as const, 'export' as const), run }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('events' as const),
      run,
      from: fc.integer({ min: -1, max: 30 }),
      to: fc.integer({ min: -1, max: 40 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('snapshot' as const),
      run,
      seq: fc.integer({ min: -1, max: 40 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('list' as const),
      filter: fc.record(
        {
          workflowId: fc.constantFrom(...WORKFLOWS),
          status,
          from: time,
          to: time,
          limit: fc.constantFrom(1, 2, 3, 1000),
        },
        { requiredKeys: [] },
      ),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('prune' as const),
      maxRuns: fc.option(fc.nat(6), { nil: undefined }),
      olderThan: fc.option(fc.constantFrom(0, 500, 1e12), { nil: undefined }),
    }),
  },
)

/** What there must be: the last batch of each run. */
type Known = Map<string, TimelineBatch>

async function listed(store: TimelineStore, filter: RunFilter) {
  const ids: string[] = []
  let cursor: string | undefined
  do {
    const page = await store.listRuns({ ...filter, ...(cursor === undefined ? {} : { cursor }) })
    expect(page.runs.length).toBeLessThanOrEqual(filter.limit ?? 50)
    ids.push(...page.runs.map(({ runId }) => runId))
    cursor = page.cursor
    expect(ids.length).toBeLessThan(100)
  } while (cursor !== undefined)
  return ids
}

async function play(store: TimelineStore, known: Known, each: Call, now: number): Promise<unknown> {
  switch (each.do) {
    case 'append': {
      const runId = IDS[each.run]!
      const before = known.get(runId)?.meta
      if (before && isFinished(before.status)) return
      const from = (before?.eventCount ?? 0) + 1
      const to = from + each.count - 1
      const batch = batchOf(runId, from, to, {
        startTime: before?.startTime ?? each.time,
        workflowId: before?.workflowId ?? WORKFLOWS[each.workflow]!,
        status: each.status,
        ...(isFinished(each.status) ? { endTime: (before?.startTime ?? each.time) + 5 } : {}),
        ...(before ? { previousStatus: before.status } : {}),
      })
      await store.append([batch])
      if (each.isTwice) await store.append([batch])
      known.set(runId, batch)
      return
    }
    case 'delete': {
      const runId = IDS[each.run]!
      expect(await store.deleteRun(runId)).toBe(known.delete(runId))
      return
    }
    case 'export': {
      const runId = IDS[each.run]!
      const there = known.get(runId)
      if (!there)
        return void (await expect(textOf(store.exportRun(runId))).rejects.toMatchObject({
          code: 'NOT_FOUND',
        }))
      const text = await textOf(store.exportRun(runId))
      await expect(store.importRun(text)).rejects.toMatchObject({ code: 'DUPLICATE_KEY' })
      await store.deleteRun(runId)
      const meta = await store.importRun(text)
      expect(meta).toEqual(await withoutBytes(store, runId))
      return text.replace(/,"bytes":\d+/, '').replace(/"bytes":\d+,/, '')
    }
    case 'events': {
      const runId = IDS[each.run]!
      const all = Array.from({ length: known.get(runId)?.meta.eventCount ?? 0 }, (_, index) => index + 1)
      const seqs = (await store.getEvents(runId, each.from, each.to)).map(({ seq }) => seq)
      expect(seqs).toEqual(all.filter((seq) => seq >= each.from && seq <= each.to))
      return
    }
    case 'snapshot':
      return store.getNearestSnapshot(IDS[each.run]!, each.seq)
    case 'list': {
      const { workflowId, status, from = -Infinity, to = Infinity } = each.filter
      const expected = [...known.values()]
        .map(({ meta }) => meta)
        .filter((meta) => workflowId === undefined || meta.workflowId === workflowId)
        .filter((meta) => status === undefined || meta.status === status)
        .filter(({ startTime }) => startTime >= from && startTime <= to)
        .sort((a, b) => (placeOf(a) < placeOf(b) ? 1 : -1))
        .map(({ runId }) => runId)
      expect(await listed(store, each.filter)).toEqual(expected)
      return
    }
    case 'prune': {
      const { maxRuns, olderThan } = each
      const oldest = olderThan === undefined ? -Infinity : now - olderThan
      const result = { runs: 0, events: 0 }
      const byPlace = [...known.values()]
        .map(({ meta }) => meta)
        .sort((a, b) => (placeOf(a) < placeOf(b) ? -1 : 1))
      for (const meta of byPlace) {
        if (!isFinished(meta.status)) continue
        if (known.size <= (maxRuns ?? Infinity) && (meta.endTime ?? meta.startTime) >= oldest) continue
        known.delete(meta.runId)
        result.runs++
        result.events += meta.eventCount
      }
      expect(
        await store.prune({
          ...(maxRuns === undefined ? {} : { maxRuns }),
          ...(olderThan === undefined ? {} : { olderThan }),
        }),
      ).toEqual(result)
      return
    }
  }
}

async function withoutBytes(store: TimelineStore, runId: string) {
  const meta = await store.getRunMeta(runId)
  if (!meta) return undefined
  const { bytes: _bytes, ...rest } = meta
  return rest
}

/** @returns What the model does not say. */
async function playAll(store: TimelineStore, calls: readonly Call[], now: number): Promise<unknown[]> {
  const known: Known = new Map()
  const told: unknown[] = []
  for (const each of calls) told.push(await play(store, known, each, now))
  expect((await listed(store, {})).sort()).toEqual([...known.keys()].sort())
  for (const [runId, { meta }] of known) {
    expect(await withoutBytes(store, runId)).toEqual(meta)
    expect(await store.getEvents(runId)).toHaveLength(meta.eventCount)
  }
  return told
}

describe('stores of timelines, whatever they are asked', () => {
  it('are as a model says, in memory, on a driver and in SQLite', async () => {
    const clock = simulatedClock(1e12 + 10)
    await fc.assert(
      fc.asyncProperty(fc.array(call, { maxLength: 30, size: 'max' }), async (calls) => {
        await using sqlite = sqliteStorage({ file: ':memory:' })
        const stores = [
          new MemoryTimelineStore({ clock }),
          new StoredTimelineStore(memoryStorage(), { clock }),
          new StoredTimelineStore(sqlite, { clock }),
        ]
        const told: unknown[] = []
        for (const store of stores) told.push(await playAll(store, calls, clock.now()))
        expect(told).toEqual([told[0], told[0], told[0]])
      }),
      { numRuns: 60 },
    )
  })
})
