import fc from 'fast-check'
import { enablePatches, produceWithPatches } from 'immer'
import { describe, expect, it } from 'vitest'
import { simulatedClock } from '../../src/testing/index.js'
import { MemoryTimelineStore } from '../../src/timeline/memory-timeline-store.js'
import { TimelinePlayer } from '../../src/timeline/timeline-player.js'
import { TimelineRecorder } from '../../src/timeline/timeline-recorder.js'
import type { TimelineState } from '../../src/timeline/timeline-event.js'
import type { TimelineStore } from '../../src/timeline/timeline-store.js'
import { STORES, batchOf } from './timeline-fixtures.js'

enablePatches()

const clock = simulatedClock()

/** A change that a random run makes to its state. */
type Draft = Record<string, unknown> & { list: unknown[]; nested: Record<string, unknown> }
const value = fc.oneof(
  fc.integer(),
  fc.string(),
  fc.constant(null),
  // The engine refuses the key that would be a prototype before anything is recorded.
  fc.object({
    key: fc.string().filter((key) => key !== '__proto__'),
    maxDepth: 2,
    maxKeys: 3,
    values: [fc.integer(), fc.string()],
  }),
)
const key = fc.constantFrom('a', 'b', 'length', 'x.y')
const recipe: fc.Arbitrary<(draft: Draft) => void> = fc.oneof(
  fc.tuple(key, value).map(
    ([name, each]) =>
      (draft: Draft) =>
        void (draft[name] = each),
  ),
  fc.tuple(key, value).map(
    ([name, each]) =>
      (draft: Draft) =>
        void (draft.nested[name] = each),
  ),
  key.map((name) => (draft: Draft) => void delete draft[name]),
  value.map((each) => (draft: Draft) => void draft.list.push(each)),
  fc.tuple(fc.nat(4), fc.nat(3), value).map(
    ([at, count, each]) =>
      (draft: Draft) =>
        void draft.list.splice(at, count, each, each),
  ),
  fc.nat(5).map((length) => (draft: Draft) => void (draft.list.length = Math.min(length, draft.list.length))),
  fc.constant((draft: Draft) => void draft.list.reverse()),
  fc.constant((draft: Draft) => void (draft.nested = { deep: { list: [...draft.list] } })),
)

type Act = { readonly recipe: (draft: Draft) => void } | 'log' | 'replace' | 'flush' | 'pause' | 'reopen'
const act: fc.Arbitrary<Act> = fc.oneof(
  { weight: 8, arbitrary: recipe.map((each) => ({ recipe: each })) },
  { weight: 4, arbitrary: fc.constant('log' as const) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('replace' as const, 'flush' as const, 'pause' as const, 'reopen' as const),
  },
)

/** Records a run and captures, per event, the state it really had. */
async function recordRun(
  store: TimelineStore,
  acts: readonly Act[],
  snapshotInterval: number,
): Promise<TimelineState[]> {
  const recorder = new TimelineRecorder({ store, clock, snapshotInterval })
  const facts = { runId: 'run', workflowId: 'w', pipelineId: 'p' }
  let state = Object.freeze({
    list: Object.freeze([]),
    nested: Object.freeze({}),
  }) as unknown as TimelineState
  let recording = recorder.open(facts)
  const truth: TimelineState[] = []
  recording.record('pipeline', 'pipeline:start', {}, { state })
  truth.push(state)
  for (const each of acts) {
    if (each === 'flush') await recorder.flush()
    else if (each === 'pause') recording.setStatus('paused')
    else if (each === 'reopen') {
      recording.setStatus('paused')
      await recorder.flush()
      const continues = await store.getRunMeta('run')
      recording = recorder.open({ ...facts, state, ...(continues ? { continues } : {}) })
    } else if (each === 'log') {
      recording.record('logger', 'log:info', { message: 'hello' })
      truth.push(state)
    } else if (each === 'replace') {
      state = Object.freeze({ ...state, list: Object.freeze([]) })
      recording.record('pipeline', 'pipeline:resume', {}, { state })
      truth.push(state)
    } else {
      const [next, delta] = produceWithPatches(state, (draft) => each.recipe(draft as Draft))
      if (next !== state) recording.record('store', 'state:commit', {}, { delta, state: next })
      else recording.record('store', 'state:commit', {})
      state = next
      truth.push(state)
    }
  }
  recording.setStatus('complete')
  await recorder.close()
  return truth
}

describe.each(STORES)('TimelinePlayer on %s', (_name, createStore) => {
  it('shows at any event the state that the run really had there', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(act, { maxLength: 60 }),
        fc.integer({ min: 1, max: 20 }),
        fc.array(fc.nat(), { maxLength: 20 }),
        async (acts, snapshotInterval, jumps) => {
          const store = createStore(clock)
          const truth = await recordRun(store, acts, snapshotInterval)
          const meta = (await store.getRunMeta('run'))!
          expect(meta.eventCount).toBe(truth.length)

          const player = new TimelinePlayer(store, 'run')
          const forth: TimelineState[] = []
          for await (const event of player) {
            expect(event.seq).toBe(forth.length + 1)
            forth.push(player.state)
          }
          expect(forth).toStrictEqual(truth)

          const back: TimelineState[] = [player.state]
          while (await player.stepBackward()) back.unshift(player.state)
          expect(back).toStrictEqual(truth)

          for (const jump of jumps) {
            const seq = (jump % truth.length) + 1
            await player.seek(seq)
            expect(player.state).toStrictEqual(truth[seq - 1])
          }
        },
      ),
      { numRuns: 150 },
    )
  })
})

describe('TimelinePlayer', () => {
  const storeWith = async (count: number) => {
    const store = new MemoryTimelineStore({ maxEvents: Infinity })
    await store.append([batchOf('run', 1, count)])
    return store
  }

  it('stands before the first event when it is made', async () => {
    const player = new TimelinePlayer(await storeWith(3), 'run')
    expect(player.position).toBe(0)
    expect(player.event).toBeUndefined()
    expect(player.state).toEqual({})
  })

  it('steps forward to the end, and back to before the first event', async () => {
    const player = new TimelinePlayer(await storeWith(3), 'run')
    expect((await player.stepForward())!.seq).toBe(1)
    await player.stepForward()
    expect((await player.stepForward())!.seq).toBe(3)
    expect(await player.stepForward()).toBeUndefined()
    expect(player.position).toBe(3)
    expect(player.state).toEqual({ count: 3 })
    await player.seek(1)
    expect(await player.stepBackward()).toBeUndefined()
    expect(await player.stepBackward()).toBeUndefined()
    expect(player.position).toBe(0)
    expect(player.state).toEqual({})
  })

  it('rejects a run that never existed with NOT_FOUND, whatever is asked of it', async () => {
    const player = new TimelinePlayer(new MemoryTimelineStore(), 'nobody')
    const unknown = { code: 'NOT_FOUND', message: 'There is no timeline of run "nobody"' }
    await expect(player.seek(0)).rejects.toMatchObject(unknown)
    await expect(player.stepForward()).rejects.toMatchObject(unknown)
    await expect(player.stepBackward()).rejects.toMatchObject(unknown)
  })

  it('rejects a seq beyond the last with NOT_FOUND, saying how many there are, and stays where it is', async () => {
    const player = new TimelinePlayer(await storeWith(3), 'run')
    await player.seek(2)
    await expect(player.seek(4)).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: 'Cannot go to event 4 of run "run": its timeline has 3',
    })
    expect(player.position).toBe(2)
    expect(player.state).toEqual({ count: 2 })
  })

  it.each([-1, 1.5, NaN, Infinity, '2' as unknown as number])(
    'rejects %s as a seq with VALIDATION',
    async (seq) => {
      const player = new TimelinePlayer(await storeWith(3), 'run')
      await expect(player.seek(seq)).rejects.toMatchObject({ code: 'VALIDATION' })
    },
  )

  it('carries out commands that are given at once one after the other', async () => {
    const player = new TimelinePlayer(await storeWith(50), 'run')
    const wrong = player.seek(99)
    const events = await Promise.all([player.seek(40), player.stepForward(), player.stepBackward()])
    await expect(wrong).rejects.toThrow()
    expect(events.map((event) => event!.seq)).toEqual([40, 41, 40])
  })

  it('follows a run that is still being recorded', async () => {
    const store = await storeWith(2)
    const player = new TimelinePlayer(store, 'run')
    await player.seek(2)
    expect(await player.stepForward()).toBeUndefined()
    await store.append([batchOf('run', 3, 14)])
    expect((await player.stepForward())!.seq).toBe(3)
    await player.seek(14)
    expect(player.state).toEqual({ count: 14 })
  })

  it('reads no more than a snapshot interval to go anywhere in 100 000 events', async () => {
    const store = await storeWith(100_000)
    const read: number[] = []
    const watched: TimelineStore = Object.create(store, {
      getRunMeta: { value: store.getRunMeta.bind(store) },
      getNearestSnapshot: { value: store.getNearestSnapshot.bind(store) },
      getEvents: {
        value: async (...range: [string, number, number]) => {
          const events = await store.getEvents(...range)
          read.push(events.length)
          return events
        },
      },
    }) as TimelineStore
    const player = new TimelinePlayer(watched, 'run')
    for (const seq of [100_000, 1, 54_321, 77_770, 77_769]) {
      await player.seek(seq)
      expect(player.state).toEqual({ count: seq })
    }
    expect(read).toHaveLength(4)
    expect(Math.max(...read)).toBeLessThanOrEqual(10)
  })

  it('goes through a long timeline that has one snapshot only, in pages', async () => {
    const store = new MemoryTimelineStore()
    const { meta, events } = batchOf('run', 1, 3_000)
    const bare = events.map((event, index) => {
      const { snapshot: _snapshot, ...rest } = event
      return index === 0 ? event : rest
    })
    await store.append([{ meta: { ...meta, snapshotSeqs: [1] }, events: bare }])
    const player = new TimelinePlayer(store, 'run')
    for await (const event of player) expect(player.state).toEqual({ count: event.seq })
    for (const seq of [1_700, 1_699, 600, 2_999]) {
      await player.seek(seq)
      expect(player.state).toEqual({ count: seq })
    }
  })

  it('hands out states that nobody can change', async () => {
    const player = new TimelinePlayer(await storeWith(5), 'run')
    for await (const _event of player) {
      expect(() => ((player.state as { count: number }).count = 9)).toThrow(TypeError)
    }
  })

  it('says which event is damaged when its changes do not fit', async () => {
    const store = new MemoryTimelineStore()
    const { meta, events } = batchOf('run', 1, 3)
    const damaged = { ...events[2]!, delta: [{ op: 'replace' as const, path: ['a', 'b', 'c'], value: 1 }] }
    await store.append([{ meta, events: [events[0]!, events[1]!, damaged] }])
    const player = new TimelinePlayer(store, 'run')
    await player.seek(2)
    await expect(player.seek(3)).rejects.toMatchObject({ code: 'STORAGE', context: { runId: 'run', seq: 3 } })
    expect(player.state).toEqual({ count: 2 })
  })
})
