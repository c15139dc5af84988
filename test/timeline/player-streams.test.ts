import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SystemError } from 'busline'
import { memoryStorage } from '../../src/storage/memory-storage.js'
import { MemoryTimelineStore } from '../../src/timeline/memory-timeline-store.js'
import { StoredTimelineStore } from '../../src/timeline/stored-timeline-store.js'
import type { TimelineEvent } from '../../src/timeline/timeline-event.js'
import { TimelinePlayer } from '../../src/timeline/timeline-player.js'
import type { TimelineStore } from '../../src/timeline/timeline-store.js'
import { metaOf } from './timeline-fixtures.js'

type Command =
  | { readonly do: 'seek'; readonly seq: number }
  | { readonly do: 'forward' | 'backward' }
  | { readonly do: 'walk' }
  /** From within the answer to the command before. */
  | { readonly do: 'then'; readonly seq: number }
  | { readonly do: 'grow'; readonly count: number }
  | { readonly do: 'fail'; readonly calls: number }
  | { readonly do: 'turn'; readonly turns: number }

const seq = fc.oneof(fc.integer({ min: -1, max: 40 }), fc.constantFrom(0, -0, 1.5, NaN, 1200, 2 ** 53))
const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('seek' as const), seq }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constantFrom('forward' as const, 'backward' as const) }) },
  { weight: 1, arbitrary: fc.constant({ do: 'walk' as const }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('then' as const), seq }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('grow' as const), count: fc.constantFrom(1, 3, 600) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('fail' as const), calls: fc.integer({ min: 1, max: 2 }) }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('turn' as const), turns: fc.nat(20) }) },
)
const stream = fc.record({
  isStored: fc.boolean(),
  /** How many events there are to begin with. */
  count: fc.constantFrom(0, 1, 2, 30, 700),
  /** Which events carry a snapshot: every so many, or none after the first. */
  every: fc.constantFrom(1, 7, 100, Infinity),
  /** The first events have no state yet. */
  without: fc.constantFrom(0, 0, 3),
  /** By how much the clock goes on from event to event. */
  ticks: fc.array(fc.constantFrom(0, 0, 1, 5, -3, 0.5), { minLength: 1, maxLength: 4 }),
  waits: fc.array(fc.nat(6), { minLength: 1, maxLength: 4 }),
  commands: fc.array(command, { minLength: 1, maxLength: 30, size: 'max' }),
})

const turns = async (count: number) => {
  for (let turn = 0; turn < count; turn++) await Promise.resolve()
}

/** A run whose state says at which event it is. */
class Growing {
  readonly inner: TimelineStore
  count = 0
  #at = 1000
  readonly #setting: { every: number; without: number; ticks: readonly number[] }
  constructor(inner: TimelineStore, setting: { every: number; without: number; ticks: readonly number[] }) {
    this.inner = inner
    this.#setting = setting
  }

  async grow(count: number): Promise<void> {
    const { every, without, ticks } = this.#setting
    const hasSnapshot = (seq: number) => seq > without && (seq - without - 1) % every === 0
    const events: TimelineEvent[] = []
    const previousStatus = this.count === 0 ? {} : { previousStatus: 'recording' as const }
    for (let index = 0; index < count; index++) {
      const seq = ++this.count
      this.#at += ticks[seq % ticks.length]!
      const event = {
        runId: 'run',
        seq,
        timestamp: this.#at,
        source: 'store',
        type: 'state:commit',
        payload: { seq },
      } as const
      if (seq <= without) events.push(event)
      else
        events.push({
          ...event,
          delta: [{ op: 'replace', path: ['n'], value: seq }],
          ...(hasSnapshot(seq) ? { snapshot: { n: seq } } : {}),
        })
    }
    const snapshotSeqs = Array.from({ length: this.count }, (_, index) => index + 1).filter(hasSnapshot)
    await this.inner.append([
      { meta: metaOf('run', { eventCount: this.count, snapshotSeqs }), events, ...previousStatus },
    ])
  }

  stateAt(seq: number): unknown {
    return seq <= this.#setting.without ? {} : { n: seq }
  }
}

describe('commands to a player that do not wait for one another', () => {
  it('are carried out in their order, each as if it were alone', async () => {
    await fc.assert(
      fc.asyncProperty(stream, async ({ isStored, count, waits, commands, ...setting }) => {
        const run = new Growing(
          isStored ? new StoredTimelineStore(memoryStorage()) : new MemoryTimelineStore(),
          setting,
        )
        await run.grow(count)
        let failures = 0
        let calls = 0
        const slowly = async <Value>(answer: () => Promise<Value>): Promise<Value> => {
          await turns(waits[calls++ % waits.length]!)
          if (failures > 0 && failures--) throw new SystemError('STORAGE', 'Down')
          return answer()
        }
        const store = Object.assign(Object.create(run.inner) as TimelineStore, {
          getRunMeta: (runId: string) => slowly(() => run.inner.getRunMeta(runId)),
          getEvents: (...range: [string, number, number]) => slowly(() => run.inner.getEvents(...range)),
          getNearestSnapshot: (runId: string, at: number) =>
            slowly(() => run.inner.getNearestSnapshot(runId, at)),
        })
        const player = new TimelinePlayer(store, 'run')
        const ends: string[] = []
        const pending: Promise<unknown>[] = []
        let last: Promise<unknown> = Promise.resolve()
        let position = 0
        const check = (what: string, told: TimelineEvent | undefined, hasFailed: boolean) => {
          const at = player.position
          if (Object.is(at, -0)) ends.push('stands at -0')
          if (player.event?.seq !== (at === 0 ? undefined : at))
            ends.push(`${what}: event ${player.event?.seq} at ${at}`)
          expect(player.state).toEqual(run.stateAt(at))
          if (hasFailed && at !== position) ends.push(`${what}: moved though it failed`)
          if (told && told.seq !== at) ends.push(`${what}: told ${told.seq} at ${at}`)
          position = at
        }
        const give = (
          what: string,
          promise: Promise<TimelineEvent | undefined>,
          expected?: (before: number) => number | undefined,
        ) => {
          last = promise.then(
            (told) => {
              const wanted = expected?.(position)
              check(what, told, false)
              if (expected && wanted !== player.position)
                ends.push(`${what}: at ${player.position}, not ${wanted}`)
            },
            (error: SystemError) => {
              if (!['NOT_FOUND', 'VALIDATION', 'STORAGE'].includes(error.code))
                ends.push(`${what}: ${String(error)}`)
              check(what, undefined, true)
            },
          )
          pending.push(last)
        }
        const seek = (to: number) => give(`seek(${to})`, player.seek(to), () => to + 0)
        const settle = async () => {
          for (let before = -1; before < pending.length;) {
            before = pending.length
            await Promise.all(pending)
          }
        }
        for (const each of commands) {
          if (each.do === 'seek') seek(each.seq)
          else if (each.do === 'forward') give('stepForward()', player.stepForward())
          else if (each.do === 'backward')
            give('stepBackward()', player.stepBackward(), (before) => Math.max(0, before - 1))
          else if (each.do === 'then') pending.push(last.then(() => seek(each.seq)))
          else if (each.do === 'walk') {
            await settle()
            // A store that fails ends it.
            const walk = async () => {
              for await (const event of player) if (event.seq > 60) break
            }
            await walk().catch(() => {})
            position = player.position
          } else if (each.do === 'grow') await run.grow(each.count)
          else if (each.do === 'fail') failures += each.calls
          else if (each.do === 'turn') await turns(each.turns)
        }
        await settle()
        expect(ends).toEqual([])
        failures = 0
        await player.seek(run.count)
        expect(player.state).toEqual(run.stateAt(run.count))
        expect(await player.stepForward()).toBeUndefined()
      }),
      { numRuns: 60 },
    )
  })
})
