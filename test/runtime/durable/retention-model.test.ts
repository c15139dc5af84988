import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type RetentionOptions, type StorageDriver, memoryStorage } from 'busline'
import { sqliteStorage } from 'busline/storage/sqlite'
import { type FaultPlan, faultInjecting, sequentialIds } from '../../../src/testing/index.js'
import { prune } from '../../../src/runtime/durable/retention.js'
import { recordKeys } from '../../../src/runtime/durable/record-keys.js'
import type { HistoryRecord } from '../../../src/runtime/durable/run-record.js'
import { StoredTimelineStore } from '../../../src/timeline/stored-timeline-store.js'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

type Limits = Pick<RetentionOptions, 'olderThan' | 'maxRuns' | 'maxBytes'>

type Command =
  /** Runs end, and reach the store so much later. */
  | { readonly type: 'end'; readonly count: number; readonly ageMs: number; readonly bytes: number }
  /** A run ends about which something is still to be done; or nothing is any more, about any. */
  | { readonly type: 'unsettled'; readonly bytes: number }
  | { readonly type: 'settle' }
  | { readonly type: 'advance'; readonly ms: number }
  /** The clock is set back, and runs end before anything is pruned. */
  | { readonly type: 'setBack'; readonly ms: number; readonly count: number; readonly limits: Limits }
  | { readonly type: 'prune'; readonly limits: Limits }
  /** Two processes do at once. */
  | { readonly type: 'both'; readonly limits: Limits; readonly others: Limits }
  /** One dies, and another does it again. */
  | { readonly type: 'die'; readonly limits: Limits; readonly at: number; readonly when: 'before' | 'after' }

const limits: fc.Arbitrary<Limits> = fc.record(
  { olderThan: fc.nat(3 * HOUR), maxRuns: fc.nat(250), maxBytes: fc.nat(12_000) },
  { requiredKeys: [] },
)

/** @param maxLateMs How much later than it says an end may reach the store. */
const commands = (maxLateMs: number): fc.Arbitrary<Command[]> => {
  const of = <Type extends Command['type']>(type: Type) => ({ type: fc.constant(type) })
  const bytes = fc.nat(100)
  const ageMs = fc.oneof(fc.constant(0), fc.nat(maxLateMs))
  return fc.array(
    fc.oneof(
      {
        weight: 5,
        arbitrary: fc.record({ ...of('end'), count: fc.integer({ min: 1, max: 130 }), ageMs, bytes }),
      },
      { weight: 1, arbitrary: fc.record({ ...of('unsettled'), bytes }) },
      { weight: 1, arbitrary: fc.record(of('settle')) },
      {
        weight: 4,
        arbitrary: fc.record({ ...of('advance'), ms: fc.oneof(fc.nat(2 * MINUTE), fc.nat(2 * HOUR)) }),
      },
      {
        weight: 1,
        arbitrary: fc.record({ ...of('setBack'), ms: fc.nat(4 * HOUR), count: fc.nat(5), limits }),
      },
      { weight: 4, arbitrary: fc.record({ ...of('prune'), limits }) },
      { weight: 2, arbitrary: fc.record({ ...of('both'), limits, others: limits }) },
      {
        weight: 3,
        arbitrary: fc.record({
          ...of('die'),
          limits,
          at: fc.oneof(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 400 })),
          when: fc.constantFrom('before' as const, 'after' as const),
        }),
      },
    ),
    { minLength: 3, maxLength: 25 },
  )
}

/** A store in which runs end, and what is to be left of them. */
class World {
  readonly driver: StorageDriver
  now = 400 * 24 * HOUR
  readonly #ids = sequentialIds()
  /** The keys that say so, by run. */
  readonly #unsettled = new Map<string, string>()
  #ended = 0
  /** When the clock was last set back: no run has ended before, by this clock. */
  #setBackTo = 0
  #latest = 0

  constructor(driver: StorageDriver) {
    this.driver = driver
  }

  async end(count: number, ageMs: number, bytes: number, isUnsettled = false): Promise<void> {
    const timelines = new StoredTimelineStore(this.driver)
    for (let index = 0; index < count; index++) {
      const number = ++this.#ended
      const runId = `run-${number}`
      const ids = { runId, workflowId: `flow-${number % 3}`, triggerId: 'on', eventId: `event-${number}` }
      const endedAt = Math.max(this.#setBackTo, this.now - Math.floor((ageMs * (index + 1)) / count))
      const history: HistoryRecord = { ...ids, bytes: (bytes * (index + 1)) % 101 }
      const unsettled = recordKeys.unsettled(ids.workflowId, runId)
      const accepted = recordKeys.accepted(ids.workflowId, ids.triggerId, ids.eventId)
      await this.driver.commit([
        { type: 'put', key: recordKeys.historyOf(endedAt, ids.workflowId, runId), value: history },
        { type: 'put', key: recordKeys.ended(ids.workflowId, runId), value: { runId } },
        { type: 'put', key: accepted, value: { runId, at: this.now } },
        ...(isUnsettled ? [{ type: 'put' as const, key: unsettled, value: { epoch: 1, owner: 'one' } }] : []),
        ...timelines.writes({
          meta: {
            ...ids,
            pipelineId: 'main',
            startTime: endedAt,
            endTime: endedAt,
            status: 'complete',
            eventCount: 0,
            snapshotInterval: 50,
            snapshotSeqs: [],
          },
          events: [],
        }).operations,
      ])
      if (isUnsettled) this.#unsettled.set(runId, unsettled)
    }
  }

  async settle(): Promise<void> {
    const operations = Array.from(this.#unsettled.values(), (key) => ({ type: 'delete', key }) as const)
    this.#unsettled.clear()
    await this.driver.commit(operations)
  }

  /** Than it ever was. */
  anHourLater(): void {
    this.now = Math.max(this.now, this.#latest) + HOUR
  }

  setBack(ms: number): void {
    this.#latest = Math.max(this.#latest, this.now)
    this.now -= ms
    this.#setBackTo = this.now
  }

  async prune(options: Limits, plan: FaultPlan = {}) {
    const driver = faultInjecting(this.driver, { ...plan, isDurable: true })
    const shared = new StoredTimelineStore(driver)
    const pruned = prune({ driver, shared, ids: this.#ids, now: () => this.now }, options)
    return Promise.race([pruned, driver.killed.then(() => undefined)])
  }

  /** Runs that have ended, the first that ended first, all that belongs to them being there and nothing else. */
  async runs(): Promise<
    readonly { readonly runId: string; readonly endedAt: number; readonly bytes: number }[]
  > {
    const all = async (prefix: string) => this.driver.scan({ prefix, limit: 100_000 })
    const runs = (await all('history/')).map(({ key, value }) => {
      const { runId, bytes } = value as HistoryRecord
      return { runId, endedAt: recordKeys.instantOf(key), bytes }
    })
    const ids = runs.map(({ runId }) => runId).sort()
    for (const [prefix, part] of [
      ['ended/', 2],
      ['timeline/run/', 2],
      ['timeline/by-time/', 3],
    ] as const) {
      expect((await all(prefix)).map(({ key }) => key.split('/')[part]!).sort()).toEqual(ids)
    }
    expect((await all('accepted/')).length).toBe(this.#ended)
    expect((await all('remembered/')).length).toBe(this.#ended - runs.length)
    return runs
  }

  /** What is to be left of them: of every run it and those that ended later must be within the limits. */
  async expected({
    olderThan = Infinity,
    maxRuns = Infinity,
    maxBytes = Infinity,
  }: Limits): Promise<string[]> {
    let runs = 0
    let bytes = 0
    const left: string[] = []
    for (const run of [...(await this.runs())].reverse()) {
      runs++
      bytes += run.bytes
      const isWithin = run.endedAt >= this.now - Number(olderThan) && runs <= maxRuns && bytes <= maxBytes
      if (isWithin || this.#unsettled.has(run.runId)) left.push(run.runId)
    }
    return left.reverse()
  }

  async left(): Promise<string[]> {
    return (await this.runs()).map(({ runId }) => runId)
  }
}

async function follow(
  driver: StorageDriver,
  given: readonly Command[],
  check: (left: readonly string[], expected: readonly string[]) => void,
): Promise<World> {
  const world = new World(driver)
  const pruneAndCheck = async (limits: Limits) => {
    const [before, expected] = [await world.left(), await world.expected(limits)]
    const report = await world.prune(limits)
    const left = await world.left()
    check(left, expected)
    expect(report).toMatchObject({ runs: before.length - left.length, ids: 0 })
  }
  for (const command of given) {
    switch (command.type) {
      case 'end':
        await world.end(command.count, command.ageMs, command.bytes)
        break
      case 'unsettled':
        await world.end(1, 0, command.bytes, true)
        break
      case 'settle':
        await world.settle()
        break
      case 'advance':
        world.now += command.ms
        break
      case 'setBack':
        world.setBack(command.ms)
        await world.end(command.count, 0, 10)
        await pruneAndCheck(command.limits)
        break
      case 'prune':
        await pruneAndCheck(command.limits)
        break
      case 'both': {
        const { limits, others } = command
        const [before, expected, others_] = [
          await world.left(),
          await world.expected(limits),
          new Set(await world.expected(others)),
        ]
        const reports = await Promise.all([world.prune(limits), world.prune(others)])
        const left = await world.left()
        check(
          left,
          expected.filter((runId) => others_.has(runId)),
        )
        expect(reports[0]!.runs + reports[1]!.runs).toBe(before.length - left.length)
        break
      }
      case 'die': {
        const { limits, at, when } = command
        const expected = await world.expected(limits)
        await world.prune(limits, { faults: [{ type: 'kill', when, at }] })
        await world.prune(limits)
        check(await world.left(), expected)
        break
      }
    }
  }
  return world
}

describe.each([
  ['memory', memoryStorage, 40],
  ['SQLite', () => sqliteStorage({ file: ':memory:' }), 15],
] as const)('prune() on %s', (_name, createDriver, numRuns) => {
  it('leaves what the limits leave, whoever dies or does the same at once, and after the clock was set back', async () => {
    await fc.assert(
      fc.asyncProperty(commands(50_000), async (given) => {
        const driver = createDriver()
        await follow(driver, given, (left, expected) => expect(left).toEqual(expected))
        await driver.close()
      }),
      { numRuns },
    )
  })

  it('removes nothing that is to stay, however late ends reach the store, and an hour later all that is not', async () => {
    await fc.assert(
      fc.asyncProperty(commands(10 * HOUR), limits, async (given, last) => {
        const driver = createDriver()
        const world = await follow(driver, given, (left, expected) =>
          expect(left).toEqual(expect.arrayContaining([...expected])),
        )
        world.anHourLater()
        const expected = await world.expected(last)
        await world.prune(last)
        expect(await world.left()).toEqual(expected)
        await driver.close()
      }),
      { numRuns },
    )
  })

  it('counts runs that end after the clock was set back before those that were counted', async () => {
    const driver = createDriver()
    const world = new World(driver)
    await world.end(3, 0, 10)
    world.now += 2 * MINUTE
    await world.prune({ maxRuns: 3 })
    world.setBack(30 * MINUTE)
    await world.end(3, 0, 10)
    const expected = await world.expected({ maxRuns: 4 })
    await world.prune({ maxRuns: 4 })
    expect(await world.left()).toEqual(expected)
    await driver.close()
  })

  it.each<[string, Limits]>([
    ['had nothing to count', {}],
    ['found only ends of the last minute', { maxRuns: 5 }],
  ])('counts them also later, when the prune that saw the clock set back %s', async (_why, first) => {
    const driver = createDriver()
    const world = new World(driver)
    await world.end(1, 0, 0)
    world.now += MINUTE + 1
    await world.prune({ maxRuns: 1 })
    world.setBack(MINUTE + 1)
    await world.prune(first)
    // The clock has passed what was counted, and the second of them ends before it.
    world.now += 1
    await world.end(2, 1, 0)
    await world.prune({ maxRuns: 0 })
    expect(await world.left()).toEqual([])
    await driver.close()
  })
})
