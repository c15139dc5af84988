import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MemoryTimelineStore, type RunTimelineMeta, SystemError, type TimelineStore } from 'busline'
import {
  type InspectorSource,
  type RunListener,
  httpSource,
  inspectorHandler,
  timelineSource,
} from '../../src/inspector/index.js'
import { LoadedRun } from '../../src/inspector/model/loaded-run.js'
import { type SimulatedClock, simulatedClock } from '../../src/testing/index.js'
import { batchOf } from '../timeline/timeline-fixtures.js'

type Call =
  | { readonly do: 'begin'; readonly id: string }
  | { readonly do: 'go' | 'pause' | 'end'; readonly pick: number }
  | { readonly do: 'watch'; readonly isFar: boolean; readonly throws: 'never' | 'changed' | 'always' }
  | { readonly do: 'leave'; readonly pick: number }
  | { readonly do: 'fail'; readonly calls: number }
  | { readonly do: 'pass'; readonly ms: number }
  | { readonly do: 'turn'; readonly turns: number }

const pick = fc.nat(20)
/** Ids as no path, query or key would have them. */
const id = fc.constantFrom('a', 'a/b', 'a%2Fb', '%', '?x=1#y', 'ä\u{1F600}', '\0', 'LONG')
const call: fc.Arbitrary<Call> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('begin' as const), id }) },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constantFrom('go' as const, 'pause' as const, 'end' as const), pick }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('watch' as const),
      isFar: fc.boolean(),
      throws: fc.constantFrom('never' as const, 'never' as const, 'changed' as const, 'always' as const),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('leave' as const), pick }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('fail' as const), calls: fc.integer({ min: 1, max: 3 }) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(0, 1, 60, 500, 900) }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('turn' as const), turns: fc.nat(20) }) },
)
const stream = fc.record({
  waits: fc.array(fc.constantFrom(0, 0, 1, 5, 300), { minLength: 1, maxLength: 5 }),
  calls: fc.array(call, { minLength: 2, maxLength: 40, size: 'max' }),
})

/** Somebody who looks: what was told, and the runs that were opened. */
class Viewer implements RunListener {
  readonly seen = new Map<string, RunTimelineMeta>()
  readonly opened = new Map<string, LoadedRun>()
  readonly faults: string[] = []
  hasLeft = false
  leave = () => {}
  readonly source: InspectorSource
  readonly isFar: boolean
  readonly throws: string
  readonly #clock: SimulatedClock

  constructor(source: InspectorSource, isFar: boolean, throws: string, clock: SimulatedClock) {
    this.source = source
    this.isFar = isFar
    this.throws = throws
    this.#clock = clock
  }

  /** What fails is tried again. */
  #load(run: LoadedRun): void {
    run.load(() => {}).catch(() => this.#clock.setTimeout(() => this.#load(run), 1000))
  }

  changed(runs: readonly RunTimelineMeta[]): void {
    if (this.hasLeft) this.faults.push('told after it left')
    for (const run of runs) {
      const before = this.seen.get(run.runId)
      if (!this.isFar && before?.status === run.status && before.eventCount === run.eventCount)
        this.faults.push(`${run.runId.slice(0, 9)} twice`)
      this.seen.set(run.runId, run)
      const opened = this.opened.get(run.runId) ?? new LoadedRun(this.source, run.runId)
      this.opened.set(run.runId, opened)
      this.#load(opened)
    }
    if (this.throws !== 'never') throw new Error('This listener throws')
  }

  failed(): void {
    if (this.throws === 'always') throw new Error('This listener throws')
  }
}

class World {
  readonly clock = simulatedClock(1_000_000)
  readonly truth = new MemoryTimelineStore()
  readonly runs: RunTimelineMeta[] = []
  readonly viewers: Viewer[] = []
  failures = 0
  readonly #near: InspectorSource
  readonly #far: InspectorSource

  constructor(waits: readonly number[]) {
    const { clock } = this
    let calls = 0
    const slowly = async <Value>(answer: () => Promise<Value>): Promise<Value> => {
      const wait = waits[calls++ % waits.length]!
      if (wait > 0) await new Promise<void>((resolve) => void clock.setTimeout(resolve, wait))
      if (this.failures > 0 && this.failures--) throw new SystemError('STORAGE', 'Down')
      const value = await answer()
      if (wait > 0) await new Promise<void>((resolve) => void clock.setTimeout(resolve, wait))
      return value
    }
    const store = Object.assign(Object.create(this.truth) as TimelineStore, {
      listRuns: (filter: object) => slowly(() => this.truth.listRuns(filter)),
      getRunMeta: (runId: string) => slowly(() => this.truth.getRunMeta(runId)),
      getEvents: (runId: string, from: number, to: number) =>
        slowly(() => this.truth.getEvents(runId, from, to)),
    })
    const handler = inspectorHandler({ store }, { clock })
    this.#near = timelineSource(store, { clock })
    this.#far = httpSource('http://localhost', {
      clock,
      fetch: (input, init) => handler(new Request(input, init)),
    })
  }

  watch(isFar: boolean, throws: string): void {
    const source = isFar ? this.#far : this.#near
    const viewer = new Viewer(source, isFar, throws, this.clock)
    this.viewers.push(viewer)
    viewer.leave = source.watch(viewer)
  }

  async append(index: number, count: number, status: RunTimelineMeta['status']): Promise<void> {
    const before = this.runs[index]!
    if (before.endTime !== undefined) return
    const isEnd = status === 'complete'
    const { runId, startTime, eventCount } = before
    const batch = batchOf(runId, eventCount + 1, eventCount + count, {
      startTime,
      status,
      ...(isEnd ? { endTime: this.clock.now() } : {}),
      ...(eventCount > 0 ? { previousStatus: before.status } : {}),
    })
    this.runs[index] = batch.meta
    await this.truth.append([batch])
  }
}

async function play(world: World, each: Call): Promise<void> {
  switch (each.do) {
    case 'begin': {
      const runId = `${world.runs.length}${each.id === 'LONG' ? 'x'.repeat(10_000) : each.id}`
      world.runs.push(batchOf(runId, 1, 0, { startTime: world.clock.now() }).meta)
      return world.append(world.runs.length - 1, 1, 'recording')
    }
    case 'go':
    case 'pause':
    case 'end': {
      if (world.runs.length === 0) return
      const status = each.do === 'go' ? 'recording' : each.do === 'pause' ? 'paused' : 'complete'
      return world.append(each.pick % world.runs.length, 1 + (each.pick % 3), status)
    }
    case 'watch':
      return world.watch(each.isFar, each.throws)
    case 'leave': {
      const viewer = world.viewers[each.pick % world.viewers.length]
      viewer?.leave()
      if (viewer) viewer.hasLeft = true
      return
    }
    case 'fail':
      world.failures += each.calls
      return
    case 'pass':
      return world.clock.advance(each.ms)
    case 'turn':
      for (let turn = 0; turn < each.turns; turn++) await Promise.resolve()
  }
}

async function settled(clock: SimulatedClock): Promise<void> {
  for (let round = 0; round < 6; round++) {
    await clock.advance('10s')
    await new Promise((resolve) => setImmediate(resolve))
  }
}

describe('the live view', () => {
  it(
    'loses nothing and shows nothing twice, whoever comes, goes, throws or fails',
    { timeout: 30_000 },
    async () => {
      await fc.assert(
        fc.asyncProperty(stream, async ({ waits, calls }) => {
          const world = new World(waits)
          for (const each of calls) await play(world, each)
          world.failures = 0
          await settled(world.clock)
          for (const { faults, hasLeft, seen, opened } of world.viewers) {
            expect(faults).toEqual([])
            if (hasLeft) continue
            const view = (metas: Iterable<RunTimelineMeta>) =>
              Array.from(metas, ({ runId, status, eventCount }) => [
                runId.slice(0, 9),
                status,
                eventCount,
              ]).sort()
            expect(view(seen.values())).toEqual(view(world.runs))
            expect(view(Array.from(opened.values(), ({ meta }) => meta!))).toEqual(view(world.runs))
            for (const { events, meta } of opened.values())
              expect(events.map(({ seq }) => seq)).toEqual(
                Array.from({ length: meta!.eventCount }, (_, index) => index + 1),
              )
          }
          for (const viewer of world.viewers) {
            viewer.leave()
            viewer.hasLeft = true
          }
          await settled(world.clock)
          expect(world.clock.pendingTimers).toBe(0)
        }),
        { numRuns: 30 },
      )
    },
  )
})
