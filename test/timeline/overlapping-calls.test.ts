import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { memoryStorage } from '../../src/storage/memory-storage.js'
import type { StorageDriver, StorageOperation } from '../../src/storage/storage-driver.js'
import { type StorageFault, faultInjecting } from '../../src/testing/index.js'
import { MemoryTimelineStore } from '../../src/timeline/memory-timeline-store.js'
import { StoredTimelineStore } from '../../src/timeline/stored-timeline-store.js'
import { type RunFilter, TIMELINE_STATUSES, type TimelineStatus } from '../../src/timeline/timeline-store.js'
import { TimelineMachine } from './timeline-machine.js'

/** `pick` chooses among the runs there are. */
type Call =
  | { readonly do: 'open' | 'flush' }
  | { readonly do: 'record'; readonly pick: number; readonly count: number }
  | { readonly do: 'status'; readonly pick: number; readonly status: TimelineStatus }
  | { readonly do: 'delete' | 'export' | 'walk'; readonly pick: number }
  | { readonly do: 'jump'; readonly pick: number; readonly seqs: readonly number[] }
  | { readonly do: 'list'; readonly filter: RunFilter }
  | { readonly do: 'prune'; readonly maxRuns: number }
  | { readonly do: 'pass'; readonly ms: number }
  | { readonly do: 'turn'; readonly turns: number }

const pick = fc.nat(20)
const status = fc.constantFrom(...TIMELINE_STATUSES)
const filter = fc.record(
  { workflowId: fc.constantFrom('w0', 'w1'), status, limit: fc.constantFrom(1, 2, 1000) },
  { requiredKeys: [] },
)
const seqs = fc.array(fc.integer({ min: -3, max: 9 }), { minLength: 1, maxLength: 6 })
const call: fc.Arbitrary<Call> = fc.oneof(
  { weight: 4, arbitrary: fc.constant({ do: 'open' as const }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('record' as const), pick, count: fc.nat(9) }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('status' as const), pick, status }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom('delete' as const, 'export' as const, 'walk' as const),
      pick,
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('jump' as const), pick, seqs }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('list' as const), filter }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('prune' as const), maxRuns: fc.nat(4) }) },
  { weight: 2, arbitrary: fc.constant({ do: 'flush' as const }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(0, 1, 60) }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('turn' as const), turns: fc.nat(30) }) },
)
const calls = fc.array(call, { minLength: 2, maxLength: 40, size: 'max' })
const fault: fc.Arbitrary<StorageFault> = fc.record({
  type: fc.constantFrom('fail' as const, 'fail-applied' as const, 'duplicate' as const),
  at: fc.integer({ min: 1, max: 40 }),
  times: fc.constantFrom(1, 2),
})

const turns = async (count: number) => {
  for (let turn = 0; turn < count; turn++) await Promise.resolve()
}

/** Each call takes so many turns, round and round. */
function slow(driver: StorageDriver, turnsOfStore: readonly number[]): StorageDriver {
  let number = 0
  let last = Promise.resolve()
  const wait = () => turns(turnsOfStore[number++ % turnsOfStore.length]! * 2)
  return {
    ...driver,
    get: async (key) => (await wait(), driver.get(key)),
    scan: async (options) => (await wait(), driver.scan(options)),
    // One after the other, as on a connection.
    commit: (operations) => (last = last.then(wait, wait).then(() => driver.commit(operations))),
  }
}

function play(machine: TimelineMachine, each: Call): Promise<void> | void {
  switch (each.do) {
    case 'open':
      return machine.open()
    case 'record':
      return machine.record(each.pick, each.count)
    case 'status':
      return machine.setStatus(each.pick, each.status)
    case 'flush':
      return machine.call('flush', machine.recorder.flush())
    case 'delete':
    case 'export':
    case 'walk':
      return machine.call(each.do, machine[each.do](each.pick))
    case 'jump':
      return machine.call('jump', machine.jump(each.pick, each.seqs))
    case 'list':
      return machine.call('list', machine.list(each.filter))
    case 'prune':
      return machine.call('prune', machine.prune(each.maxRuns))
    case 'pass':
      return machine.clock.advance(each.ms)
    case 'turn':
      return turns(each.turns)
  }
}

describe('calls of recorders and readers that do not wait for one another', () => {
  it('find every run of a store in memory whole, or gone', async () => {
    await fc.assert(
      fc.asyncProperty(calls, async (each) => {
        const machine = new TimelineMachine(new MemoryTimelineStore(), false)
        for (const call of each) await play(machine, call)
        await machine.finish()
        expect(machine.faults).toEqual([])
      }),
      { numRuns: 200 },
    )
  })

  it('find every run on a driver whole, or gone, also where that is slow and fails', async () => {
    const turnsOfStore = fc.array(fc.nat(9), { minLength: 1, maxLength: 5 })
    await fc.assert(
      fc.asyncProperty(
        calls,
        turnsOfStore,
        fc.array(fault, { maxLength: 2 }),
        async (each, waits, faults) => {
          const inner = memoryStorage()
          const driver = faultInjecting(slow(inner, waits), { faults })
          const machine = new TimelineMachine(new StoredTimelineStore(driver), faults.length > 0)
          for (const call of each) await play(machine, call)
          const left = await machine.finish(new StoredTimelineStore(inner))
          expect(machine.faults).toEqual([])
          const events = await inner.scan({ prefix: 'timeline/events/' })
          expect(left).toEqual(expect.arrayContaining(events.map(({ key }) => key.split('/')[2])))
          expect(await inner.scan({ prefix: 'timeline/by-' })).toHaveLength(left.length * 3)
        },
      ),
      { numRuns: 200 },
    )
  })

  it('leave a run deleted whose last commit arrives once more', async () => {
    const inner = memoryStorage()
    const asked: (readonly StorageOperation[])[] = []
    const commit = (operations: readonly StorageOperation[]) => {
      asked.push(operations)
      return inner.commit(operations)
    }
    const machine = new TimelineMachine(new StoredTimelineStore({ ...inner, commit }), false)
    machine.open()
    machine.record(0, 1)
    await machine.clock.advance('1m')
    machine.setStatus(0, 'paused')
    await machine.clock.advance('1m')
    const again = asked.at(-1)!
    await machine.delete(0)
    await expect(inner.commit(again)).rejects.toMatchObject({ code: 'CONFLICT' })
    expect(await inner.scan({ prefix: '' })).toEqual([])
  })
})
