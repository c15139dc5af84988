import { createEventBus } from 'busline'
import { type SimulatedClock, simulatedClock } from 'busline/testing'
import {
  type RunnerBusEvents,
  type RunnerOptions,
  type ThresholdBreach,
  WorkerManager,
  defineRunner,
  inProcessHost,
  publishRunnerEvents,
} from 'busline/workers'
import { afterEach, describe, expect, it } from 'vitest'
import { silent } from '../hosts/host-kit.js'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

/** A target that takes `options.ms`; every iteration from number `options.failsFrom` on is an error, up to `failsTo`. */
function setUp() {
  const clock = simulatedClock()
  const target = defineRunner({
    execute: ({ iteration, options }) =>
      new Promise((resolve) => {
        const { ms = 10, failsFrom = Infinity, failsTo = Infinity } = options as Record<string, number>
        clock.setTimeout(() => resolve(iteration < failsFrom || iteration >= failsTo), ms)
      }),
  })
  const host = inProcessHost({ clock, runners: { target } })
  const manager = new WorkerManager({ host, clock, logger: silent, heartbeat: false })
  closers.push(() => manager.close())
  const breaches: ThresholdBreach[] = []
  manager.on('thresholdBreach', (breach) => breaches.push(breach))
  const run = async (options: Omit<RunnerOptions, 'testType'>, forMs = 60_000) => {
    const runner = await manager.addRunner({ testType: 'target', ...options })
    await runner.start()
    await clock.advance(forMs)
    return runner
  }
  return { clock, manager, breaches, run }
}

/** What waits for the iteration under way, which needs the clock to go on. */
async function during<Result>(clock: SimulatedClock, act: Promise<Result>): Promise<Result> {
  await clock.advance(1000)
  return act
}

describe('thresholds of a runner', () => {
  it('are held against its numbers, and how they stood is in the archive', async () => {
    const { breaches, run } = setUp()
    const runner = await run({
      executionProfile: { iterations: 100 },
      options: { failsFrom: 90 },
      thresholds: { responseTime: ['p(95)<50'], errors: ['rate<0.05'], iterations: ['count>=100'] },
    })
    const { state, thresholds, breach } = await runner.ended()
    expect({ state, thresholds, breach }).toEqual({
      state: 'completed',
      thresholds: [
        { metric: 'responseTime', threshold: 'p(95)<50', actual: expect.closeTo(10, 1), ok: true },
        { metric: 'errors', threshold: 'rate<0.05', actual: 0.1, ok: false },
        { metric: 'iterations', threshold: 'count>=100', actual: 100, ok: true },
      ],
      breach: undefined,
    })
    expect(breaches.filter(({ metric }) => metric === 'errors')).toEqual([
      expect.objectContaining({ runnerId: runner.id, threshold: 'rate<0.05', ok: false, abortOnFail: false }),
    ])
  })

  it('stop the runner where it says `abortOnFail`, in order, and no other', async () => {
    const { breaches, manager, run } = setUp()
    const other = await manager.addRunner({ testType: 'target', executionProfile: { iterations: 2000 } })
    await other.start()
    const runner = await run({
      options: { failsFrom: 500 },
      thresholds: { errors: [{ threshold: 'count<20', abortOnFail: true }] },
    })
    const entry = await runner.ended()
    expect(entry).toMatchObject({
      state: 'stopped',
      breach: { metric: 'errors', threshold: 'count<20', ok: false },
      thresholds: [{ ok: false }],
    })
    // Seen with the first batch in which it shows: within a second.
    expect(entry.telemetrySnapshots.at(-1)!.iterationCount).toBeLessThanOrEqual(500 + 20 + 101)
    expect(breaches).toHaveLength(1)
    expect((await other.ended()).state).toBe('completed')
  })

  it('are not looked at before `after`', async () => {
    const { breaches, run } = setUp()
    const runner = await run({
      executionProfile: { iterations: 1000 },
      options: { failsFrom: 0, failsTo: 10 },
      thresholds: { errors: [{ threshold: 'rate<0.05', abortOnFail: true, after: '5s' }] },
    })
    expect((await runner.ended()).state).toBe('completed')
    expect(breaches).toEqual([])
  })

  it('are told again only when they held meanwhile', async () => {
    const { breaches, clock, run } = setUp()
    const runner = await run(
      { options: { failsFrom: 0, failsTo: 150 }, thresholds: { errors: ['rate<0.5'] } },
      1500,
    )
    expect(breaches).toHaveLength(1)
    // Now they hold.
    await clock.advance(8500)
    await runner.update({ options: { failsFrom: 0, failsTo: 1_000_000 } })
    await clock.advance(60_000)
    expect(breaches).toHaveLength(2)
    await during(clock, runner.stop())
  })

  it('begin anew with a reset', async () => {
    const { breaches, clock, run } = setUp()
    const thresholds = { responseTime: ['max<100'] }
    const runner = await run({ options: { ms: 200 }, thresholds }, 3000)
    expect(breaches).toHaveLength(1)
    await runner.update({ options: { ms: 10 } })
    await clock.advance(1000)
    await during(clock, runner.reset())
    await clock.advance(5000)
    expect(breaches).toHaveLength(1)
    await during(clock, runner.stop())
    expect((await runner.ended()).thresholds).toMatchObject([{ ok: true }])
  })

  it('give no verdict on a runner that was terminated', async () => {
    const { run } = setUp()
    const runner = await run({ thresholds: { errors: ['count<1'] } }, 1000)
    await runner.terminate()
    const entry = await runner.ended()
    expect(entry).toMatchObject({ state: 'terminated' })
    expect(entry).not.toHaveProperty('thresholds')
  })

  it('that are malformed are refused, by name, and nothing is left behind', async () => {
    const { manager } = setUp()
    const thresholds = { errorRate: ['rate<1'], errors: ['p(95)<1', { threshold: 'count<1', abort: true }] }
    await expect(manager.addRunner({ testType: 'target', thresholds: thresholds })).rejects.toMatchObject({
      code: 'VALIDATION',
      context: {
        issues: [
          { path: 'thresholds.errorRate', message: expect.stringContaining('allowed are responseTime') },
          { path: 'thresholds.errors.0', message: expect.stringContaining('count<10 or rate<0.01') },
          { path: 'thresholds.errors.1', message: expect.stringContaining('abortOnFail') },
        ],
      },
    })
    expect(await manager.getArchiveList()).toEqual([])
  })

  it('are told on the bus, so that a workflow can be triggered by a breach', async () => {
    const { manager, clock, run } = setUp()
    const bus = createEventBus<RunnerBusEvents>()
    closers.push(publishRunnerEvents(manager, bus, { clock }))
    const seen: unknown[] = []
    bus.subscribe('runner:threshold', ({ payload }) => seen.push(payload))
    const runner = await run({
      executionProfile: { iterations: 10 },
      tags: ['night'],
      options: { failsFrom: 0 },
      thresholds: { errors: ['count<5'] },
    })
    expect(seen).toMatchObject([
      { runnerId: runner.id, testType: 'target', tags: ['night'], metric: 'errors', actual: 10 },
    ])
  })
})
