import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { SystemError } from 'busline'
import { memoryStorage } from '../../src/storage/memory-storage.js'
import { type SimulatedClock, faultInjecting, simulatedClock } from '../../src/testing/index.js'
import { MemoryTimelineStore } from '../../src/timeline/memory-timeline-store.js'
import type { RunRecording } from '../../src/timeline/run-recording.js'
import { StoredTimelineStore } from '../../src/timeline/stored-timeline-store.js'
import { TimelinePlayer } from '../../src/timeline/timeline-player.js'
import {
  type LossReport,
  TimelineRecorder,
  type TimelineRecorderOptions,
} from '../../src/timeline/timeline-recorder.js'
import type { TimelineBatch, TimelineStore } from '../../src/timeline/timeline-store.js'

const RUN = { runId: 'run', workflowId: 'orders', pipelineId: 'main' }

let clock: SimulatedClock
let losses: LossReport[]
let recorder: TimelineRecorder | undefined

beforeEach(() => {
  clock = simulatedClock()
  losses = []
})

afterEach(async () => {
  await recorder?.close()
  expect(clock.pendingTimers).toBe(0)
})

function record(store: TimelineStore, options: Partial<TimelineRecorderOptions> = {}): TimelineRecorder {
  return (recorder = new TimelineRecorder({ store, clock, onLoss: (loss) => losses.push(loss), ...options }))
}

/** A state that can only be right if every change before it is there. */
function stateOf(count: number): { count: number; log: readonly number[] } {
  return Object.freeze({ count, log: Object.freeze(Array.from({ length: count }, (_, index) => index + 1)) })
}

function count(recording: RunRecording, from: number, to: number): void {
  for (let value = from; value <= to; value++) {
    const delta = [
      { op: 'replace' as const, path: ['count'], value },
      { op: 'add' as const, path: ['log', value - 1], value },
    ]
    recording.record('store', 'state:commit', { value }, { delta, state: stateOf(value) })
  }
}

/** A memory store whose appends do what a test says. */
class PuppetStore extends MemoryTimelineStore {
  appends = 0
  before: (() => void | Promise<void>) | undefined

  override async append(batches: readonly TimelineBatch[]): Promise<void> {
    this.appends++
    await this.before?.()
    return super.append(batches)
  }
}

async function statesOf(store: TimelineStore, runId = 'run'): Promise<unknown[]> {
  const player = new TimelinePlayer(store, runId)
  const states: unknown[] = []
  for await (const _event of player) states.push(player.state)
  return states
}

describe('TimelineRecorder', () => {
  it('numbers the events of each run from 1 without gaps, in the order they were recorded', async () => {
    const store = new MemoryTimelineStore()
    const a = record(store).open(RUN)
    const b = recorder!.open({ ...RUN, runId: 'b' })
    for (let index = 0; index < 700; index++) {
      a.record('pipeline', 'stage:start', { index })
      if (index % 3 === 0) b.record('pipeline', 'stage:start', { index })
      if (index % 100 === 0) await recorder!.flush()
    }
    await recorder!.flush()
    const events = await store.getEvents('run')
    expect(events.map(({ seq }) => seq)).toEqual(Array.from({ length: 700 }, (_, index) => index + 1))
    expect(events.map(({ payload }) => payload.index)).toEqual(
      Array.from({ length: 700 }, (_, index) => index),
    )
    expect((await store.getEvents('b')).map(({ seq }) => seq)).toEqual(
      Array.from({ length: 234 }, (_, index) => index + 1),
    )
  })

  it('says of each event when, by whom and what, and of the run where it stands', async () => {
    const store = new MemoryTimelineStore()
    const recording = record(store, { snapshotInterval: 7 }).open({ ...RUN, metadata: { triggerId: 't' } })
    const startTime = clock.now()
    await clock.advance('2s')
    recording.record('pipeline', 'pipeline:start', { path: '' }, { state: Object.freeze({ a: 1 }) })
    await recorder!.flush()
    expect(await store.getEvents('run')).toEqual([
      {
        runId: 'run',
        seq: 1,
        timestamp: startTime + 2000,
        source: 'pipeline',
        type: 'pipeline:start',
        payload: { path: '' },
        snapshot: { a: 1 },
      },
    ])
    const meta = {
      ...RUN,
      startTime,
      status: 'recording',
      eventCount: 1,
      snapshotInterval: 7,
      snapshotSeqs: [1],
      metadata: { triggerId: 't' },
    }
    expect(await store.getRunMeta('run')).toEqual(meta)
    await clock.advance('1s')
    recording.setStatus('complete')
    await recorder!.flush()
    expect(await store.getRunMeta('run')).toEqual({ ...meta, status: 'complete', endTime: startTime + 3000 })
  })

  it('takes a snapshot every snapshotInterval events, whether or not they changed the state', async () => {
    const store = new MemoryTimelineStore()
    const recording = record(store, { snapshotInterval: 5 }).open(RUN)
    count(recording, 1, 6)
    for (let index = 0; index < 9; index++) recording.record('pipeline', 'step:start', {})
    await recorder!.flush()
    expect((await store.getRunMeta('run'))!.snapshotSeqs).toEqual([1, 6, 11])
    expect((await store.getNearestSnapshot('run', 15))!.state).toEqual(stateOf(6))
  })

  it('stores nothing while the run has the thread, and soon after', async () => {
    const store = new PuppetStore()
    const recording = record(store, { flushInterval: '50ms' }).open(RUN)
    count(recording, 1, 10)
    expect(store.appends).toBe(0)
    await clock.advance('49ms')
    expect(store.appends).toBe(0)
    await clock.advance('1ms')
    expect(store.appends).toBe(1)
    expect(store.size.events).toBe(10)
  })

  it('stores at once when a run pauses or ends, for all runs together', async () => {
    const store = new PuppetStore()
    const a = record(store).open(RUN)
    const b = recorder!.open({ ...RUN, runId: 'b' })
    count(a, 1, 10)
    count(b, 1, 10)
    a.setStatus('paused')
    b.setStatus('complete')
    await clock.settle()
    expect(store.appends).toBe(1)
    expect(store.size).toMatchObject({ runs: 2, events: 20 })
    expect(clock.pendingTimers).toBe(0)
  })

  it('has one append under way at a time, and puts what came meanwhile into the next', async () => {
    const store = new PuppetStore()
    const gates: (() => void)[] = []
    store.before = () => new Promise((resolve) => gates.push(resolve))
    const recording = record(store).open(RUN)
    count(recording, 1, 10)
    await clock.advance('50ms')
    count(recording, 11, 600)
    await clock.advance('10s')
    expect(store.appends).toBe(1)
    store.before = undefined
    gates[0]!()
    await clock.settle()
    expect(store.appends).toBe(2)
    expect(store.size.events).toBe(600)
  })

  it('records nothing after the end of a run', async () => {
    const store = new MemoryTimelineStore()
    const recording = record(store).open(RUN)
    recording.record('pipeline', 'pipeline:success', {})
    recording.setStatus('complete')
    recording.record('logger', 'log:info', { message: 'late' })
    recording.setStatus('failed')
    await recorder!.flush()
    expect(await store.getRunMeta('run')).toMatchObject({ status: 'complete', eventCount: 1 })
  })

  it('goes on with the timeline of a recovered run, from a snapshot of its state', async () => {
    const store = new StoredTimelineStore(memoryStorage())
    const before = record(store).open(RUN)
    count(before, 1, 5)
    before.setStatus('paused')
    await recorder!.flush()

    const continues = (await store.getRunMeta('run'))!
    const after = record(store).open({ ...RUN, continues, state: stateOf(77) })
    after.record('pipeline', 'pipeline:resume', {})
    count(after, 78, 79)
    after.setStatus('complete')
    await recorder!.flush()
    expect(await statesOf(store)).toEqual([1, 2, 3, 4, 5, 77, 78, 79].map((value) => stateOf(value)))
    expect(await store.getRunMeta('run')).toMatchObject({
      eventCount: 8,
      snapshotSeqs: [1, 6],
      startTime: continues.startTime,
      status: 'complete',
    })
    expect((await store.listRuns({ status: 'paused' })).runs).toEqual([])
  })

  it.each([
    ['throws', () => { throw new Error('broken') }], // prettier-ignore
    ['rejects', () => Promise.reject(new SystemError('STORAGE', 'Disk is full'))],
    ['rejects with nothing', () => Promise.reject(undefined)],
  ])('tries again, later and later, while the store %s', async (_how, fail) => {
    const store = new PuppetStore()
    store.before = fail
    const recording = record(store).open(RUN)
    count(recording, 1, 3)
    await clock.advance('50ms')
    expect(store.appends).toBe(1)
    await clock.advance('100ms')
    expect(store.appends).toBe(2)
    await clock.advance('199ms')
    expect(store.appends).toBe(2)
    recording.setStatus('paused')
    await clock.advance('1ms')
    expect(store.appends).toBe(3)
    store.before = undefined
    await clock.advance('400ms')
    expect(await statesOf(store)).toHaveLength(3)
    expect(losses).toEqual([])
  })

  it('keeps a bounded number of events for a store that is down, and counts and reports the rest', async () => {
    const store = new PuppetStore()
    store.before = () => Promise.reject(new Error('down'))
    const recording = record(store, { maxBufferedEvents: 10 }).open(RUN)
    count(recording, 1, 25)
    expect(recording.lostEvents).toBe(15)
    await clock.advance('50ms')
    expect(losses).toEqual([{ runId: 'run', lostEvents: 15, reason: 'buffer' }])
    store.before = undefined
    await clock.advance('1s')
    count(recording, 26, 27)
    recording.setStatus('complete')
    await recorder!.flush()
    expect(await store.getRunMeta('run')).toMatchObject({ eventCount: 12, lostEvents: 15 })
    const states = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 26, 27]
    expect(await statesOf(store)).toEqual(states.map((value) => stateOf(value)))
  })

  it('never waits for a store that does not answer, not even to close for longer than closeTimeout', async () => {
    const store = new PuppetStore()
    store.before = () => new Promise(() => {})
    const recording = record(store, { maxBufferedEvents: 10, closeTimeout: '3s' }).open(RUN)
    count(recording, 1, 5)
    await clock.advance('1m')
    count(recording, 6, 20)
    const closing = recorder!.close()
    await clock.advance('3s')
    await closing
    expect(losses.at(-1)).toEqual({ runId: 'run', lostEvents: 20, reason: 'closed' })
    expect(clock.pendingTimers).toBe(0)
  })

  it('reports what a store has not answered for when it is closed, with nothing recorded since', async () => {
    const store = new PuppetStore()
    store.before = () => new Promise(() => {})
    const recording = record(store, { closeTimeout: '3s' }).open(RUN)
    count(recording, 1, 5)
    recording.setStatus('complete')
    await clock.advance('1m')
    const closing = recorder!.close()
    await clock.advance('3s')
    await closing
    expect(recording.lostEvents).toBe(5)
    expect(losses).toEqual([{ runId: 'run', lostEvents: 5, reason: 'closed' }])
  })

  it('keeps, stores and reports nothing after it was closed', async () => {
    const store = new PuppetStore()
    const recording = record(store).open(RUN)
    count(recording, 1, 2)
    await Promise.all([recorder!.close(), recorder!.close()])
    expect(store.appends).toBe(1)
    count(recording, 3, 4)
    recording.setStatus('failed')
    recorder!.open({ ...RUN, runId: 'late' }).record('logger', 'log:info', { message: 'x' })
    await clock.advance('1m')
    expect(store.appends).toBe(1)
    expect(recording.lostEvents).toBe(2)
    expect(losses).toEqual([])
  })

  it('lets a batch go that the store refuses for good, and goes on with the state as it is', async () => {
    const store = new PuppetStore()
    const recording = record(store).open(RUN)
    count(recording, 1, 2)
    await recorder!.flush()
    store.before = () => Promise.reject(new SystemError('VALIDATION', 'Not storable'))
    count(recording, 3, 4)
    await recorder!.flush()
    store.before = undefined
    recording.record('logger', 'log:info', { message: 'still here' })
    count(recording, 5, 5)
    await recorder!.flush()
    expect(await statesOf(store)).toEqual([1, 2, 4, 5].map((value) => stateOf(value)))
    expect(await store.getRunMeta('run')).toMatchObject({
      eventCount: 4,
      lostEvents: 2,
      snapshotSeqs: [1, 3],
    })
    await clock.advance('50ms')
    expect(losses).toMatchObject([
      { runId: 'run', lostEvents: 2, reason: 'store', error: { code: 'VALIDATION' } },
    ])
  })

  it('begins anew with a snapshot also when events came while a batch was on its way to be refused', async () => {
    const store = new PuppetStore()
    let refuse: ((error: Error) => void) | undefined
    store.before = () => new Promise((_resolve, reject) => (refuse = reject))
    const recording = record(store).open(RUN)
    count(recording, 1, 3)
    await clock.advance('50ms')
    count(recording, 4, 6)
    store.before = undefined
    refuse!(new SystemError('VALIDATION', 'Not storable'))
    await clock.advance('1s')
    expect(await statesOf(store)).toEqual([4, 5, 6].map((value) => stateOf(value)))
  })

  it('does not give numbers away again that the store has unnoticed', async () => {
    const store = new StoredTimelineStore(memoryStorage())
    const append = store.append.bind(store)
    const outcomes = [
      async (batches: readonly TimelineBatch[]) => {
        await append(batches)
        throw new SystemError('STORAGE', 'Connection lost', { context: { isOutcomeUnknown: true } })
      },
      () => Promise.reject(new SystemError('VALIDATION', 'Not storable')),
    ]
    store.append = (batches) => (outcomes.shift() ?? append)(batches)
    const recording = record(store).open(RUN)
    count(recording, 1, 300)
    await recorder!.flush()
    count(recording, 301, 303)
    await clock.advance('1s')
    for (let value = 304; value <= 340; value += 2) {
      count(recording, value, value + 1)
      await recorder!.flush()
    }
    recording.setStatus('complete')
    await recorder!.flush()
    expect(recording.lostEvents).toBe(3)
    const values = Array.from({ length: 341 }, (_, index) => index + 1).filter(
      (value) => value < 301 || value > 303,
    )
    expect(await statesOf(store)).toEqual(values.map(stateOf))
    expect((await store.getEvents('run', 299, 302)).map(({ payload }) => payload.value)).toEqual([
      299, 300, 304, 305,
    ])
  })

  it('says of a run that it has ended also when the store was down just then', async () => {
    const store = new PuppetStore()
    const recording = record(store).open(RUN)
    count(recording, 1, 3)
    await recorder!.flush()
    store.before = () => Promise.reject(new Error('down'))
    recording.setStatus('failed')
    await clock.advance('1s')
    expect((await store.getRunMeta('run'))!.status).toBe('recording')
    store.before = undefined
    await clock.advance('1m')
    expect((await store.getRunMeta('run'))!.status).toBe('failed')
  })

  it('keeps the other runs when the events of one are refused', async () => {
    const store = new MemoryTimelineStore({ maxEvents: 10 })
    const small = record(store).open(RUN)
    const large = recorder!.open({ ...RUN, runId: 'large' })
    count(large, 1, 11)
    count(small, 1, 5)
    await recorder!.flush()
    expect(await statesOf(store)).toHaveLength(5)
    expect(large.lostEvents).toBe(11)
    large.setStatus('failed')
    await recorder!.flush()
    await clock.settle()
    expect(clock.pendingTimers).toBe(1) // the report of the loss
    await clock.advance('50ms')
    expect(losses).toMatchObject([{ runId: 'large', lostEvents: 11, error: { code: 'CAPACITY' } }])
  })

  it('gives back exactly the truth when commits fail, apply unnoticed or come late', async () => {
    const driver = faultInjecting(memoryStorage(), {
      clock,
      faults: [
        { type: 'fail', at: 2, on: 'commit' },
        { type: 'fail-applied', at: 4, on: 'commit', times: 3 },
        { type: 'delay', at: 9, on: 'commit', for: '2s' },
        { type: 'duplicate', at: 11, on: 'commit', times: 4 },
      ],
    })
    const store = new StoredTimelineStore(driver)
    const recording = record(store, { snapshotInterval: 7 }).open(RUN)
    for (let value = 1; value <= 200; value += 5) {
      count(recording, value, value + 4)
      await clock.advance('60ms')
    }
    recording.setStatus('complete')
    await clock.advance('1m')
    expect(await statesOf(store)).toEqual(Array.from({ length: 200 }, (_, index) => stateOf(index + 1)))
    expect((await store.listRuns({ status: 'complete' })).runs).toMatchObject([{ eventCount: 200 }])
    expect(losses).toEqual([])
  })

  it('stores a truth without gaps, and counts all that is missing, whatever the store does', async () => {
    const outcome = fc.constantFrom('fine', 'down', 'applied', 'refused', 'slow')
    const act = fc.oneof(
      { weight: 6, arbitrary: fc.nat(6).map((events) => ({ events })) },
      { weight: 3, arbitrary: fc.nat(400).map((ms) => ({ ms })) },
      { weight: 1, arbitrary: fc.constant({ isPaused: true }) },
    )
    const property = fc.asyncProperty(
      fc.array(act, { maxLength: 30 }),
      fc.infiniteStream(outcome),
      fc.integer({ min: 1, max: 12 }),
      fc.boolean(),
      async (acts, outcomes, maxBufferedEvents, isStored) => {
        const time = simulatedClock()
        const inner = isStored ? new StoredTimelineStore(memoryStorage()) : new MemoryTimelineStore()
        let isFair = false
        const store = Object.assign(Object.create(inner) as TimelineStore, {
          async getRunMeta(runId: string) {
            if (!isFair && outcomes.next().value === 'down') throw new SystemError('STORAGE', 'Down')
            return inner.getRunMeta(runId)
          },
          async append(batches: readonly TimelineBatch[]) {
            const what = isFair ? 'fine' : outcomes.next().value
            if (what === 'slow') await new Promise<void>((resolve) => time.setTimeout(resolve, 300))
            if (what === 'down') throw new SystemError('STORAGE', 'Down')
            if (what === 'refused') throw new SystemError('VALIDATION', 'Not storable')
            await inner.append(batches)
            if (what === 'applied') throw new SystemError('STORAGE', 'Nobody knows')
          },
        })
        const each = new TimelineRecorder({ store, clock: time, maxBufferedEvents, snapshotInterval: 3 })
        const runs = ['a', 'b'].map((runId) => each.open({ ...RUN, runId }))
        let value = 0
        for (const now of acts) {
          if ('events' in now) {
            for (const run of runs) {
              count(run, value + 1, value + now.events)
              run.record('pipeline', 'step:start', { value: value + now.events })
            }
            value += now.events
          } else if ('ms' in now) await time.advance(now.ms)
          else for (const run of runs) run.setStatus(run.status === 'paused' ? 'recording' : 'paused')
        }
        isFair = true
        await time.advance('5m')
        for (const run of runs) run.setStatus('complete')
        await time.advance('1s')
        await each.close()
        expect(time.pendingTimers).toBe(0)

        const recorded = value + acts.filter((now) => 'events' in now).length
        for (const { runId, lostEvents } of runs) {
          const meta = await inner.getRunMeta(runId)
          if (!meta) {
            expect(lostEvents).toBe(recorded)
            continue
          }
          expect(meta.status).toBe('complete')
          expect(meta.eventCount + lostEvents).toBe(recorded)
          expect(meta.lostEvents ?? 0).toBe(lostEvents)
          const snapshots = (await inner.getEvents(runId)).filter(({ snapshot }) => snapshot !== undefined)
          expect(meta.snapshotSeqs).toEqual(snapshots.map(({ seq }) => seq))
          const player = new TimelinePlayer(inner, runId)
          let before = 0
          for await (const event of player) {
            const seen = event.payload.value as number
            expect(seen).toBeGreaterThanOrEqual(before)
            if (seen > 0) expect(player.state).toEqual(stateOf(seen))
            before = seen
          }
          expect(player.position).toBe(meta.eventCount)
        }
      },
    )
    await fc.assert(property, { numRuns: 150 })
  })

  it('limits the events of one run, and says on its timeline that the limit is near', async () => {
    const store = new MemoryTimelineStore()
    const recording = record(store, { maxEventsPerRun: 10 }).open(RUN)
    count(recording, 1, 4)
    await recorder!.flush()
    count(recording, 5, 20)
    recording.setStatus('complete')
    await recorder!.flush()
    const events = await store.getEvents('run')
    expect(events).toHaveLength(10)
    expect(events[8]).toMatchObject({
      type: 'log:warn',
      payload: { message: expect.stringContaining('10 events') },
    })
    expect((await store.getRunMeta('run'))!.lostEvents).toBe(11)
    await clock.advance('50ms')
    expect(losses).toEqual([{ runId: 'run', lostEvents: 11, reason: 'limit' }])
  })

  it('shows each event once to its sinks, and reports one that throws', async () => {
    const seen: number[] = []
    const store = new PuppetStore()
    const sinks = [
      { take: () => { throw new Error('sink') } }, // prettier-ignore
      { take: ({ events }: TimelineBatch) => void seen.push(...events.map(({ seq }) => seq)) },
    ]
    const recording = record(store, { sinks }).open(RUN)
    store.before = () => Promise.reject(new Error('down'))
    count(recording, 1, 3)
    await recorder!.flush()
    store.before = undefined
    count(recording, 4, 5)
    await recorder!.flush()
    expect(seen).toEqual([1, 2, 3, 4, 5])
    expect(losses[0]).toMatchObject({
      runId: 'run',
      lostEvents: 0,
      reason: 'sink',
      error: { message: 'sink' },
    })
  })

  it('is not disturbed by an onLoss that throws', async () => {
    const store = new MemoryTimelineStore()
    const onLoss = () => {
      throw new Error('nobody listens')
    }
    const recording = record(store, { onLoss, maxBufferedEvents: 1 }).open(RUN)
    count(recording, 1, 3)
    await clock.advance('1s')
    expect(store.size.events).toBe(1)
  })

  it.each(['snapshotInterval', 'maxBufferedEvents', 'maxEventsPerRun', 'maxPayloadBytes'] as const)(
    'refuses a %s of 0',
    (name) => {
      const options = { store: new MemoryTimelineStore(), clock, [name]: 0 }
      expect(() => new TimelineRecorder(options)).toThrow(`"${name}" of 0: it must be at least 1`)
    },
  )

  describe('whose events are taken', () => {
    it('leaves the storing to the checkpoint that they go with', async () => {
      const driver = memoryStorage()
      const store = new StoredTimelineStore(driver)
      const recording = record(store).open({ ...RUN, storedBy: 'taken' })
      count(recording, 1, 3)
      recording.setStatus('paused')
      await clock.advance('1m')
      expect(await store.getRunMeta('run')).toBeUndefined()

      const batch = recording.take()!
      expect(recording.take()).toBeUndefined()
      const checkpoint = { type: 'put', key: 'run/run', value: { next: 'ship' } } as const
      await driver.commit([checkpoint, ...store.writes(batch).operations])
      recording.settle('stored')
      expect(recording.take()).toBeUndefined()
      expect(await statesOf(store)).toHaveLength(3)
      expect((await store.getRunMeta('run'))!.status).toBe('paused')
    })

    it('gives the same events again, with those that came since, when the commit failed', async () => {
      const driver = memoryStorage()
      const store = new StoredTimelineStore(driver)
      const recording = record(store).open({ ...RUN, storedBy: 'taken' })
      count(recording, 1, 3)
      recording.take()
      count(recording, 4, 4)
      recording.settle('failed')
      await driver.commit(store.writes(recording.take()!).operations)
      recording.settle('stored')
      expect(await statesOf(store)).toEqual([1, 2, 3, 4].map((value) => stateOf(value)))
      expect(recording.lostEvents).toBe(0)
    })

    it('stores none of them when the commit is refused because the run has another owner', async () => {
      const driver = memoryStorage()
      const store = new StoredTimelineStore(driver)
      await driver.commit([{ type: 'put', key: 'claim/run', value: { epoch: 2 } }])
      const recording = record(store).open({ ...RUN, storedBy: 'taken' })
      count(recording, 1, 3)
      const claim = { type: 'expect', key: 'claim/run', field: 'epoch', equals: 1 } as const
      await expect(driver.commit([claim, ...store.writes(recording.take()!).operations])).rejects.toThrow()
      recording.settle('refused')
      expect(recording.lostEvents).toBe(3)
      expect(await driver.scan({ prefix: 'timeline/' })).toEqual([])
    })
  })
})
