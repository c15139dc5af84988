import { type SimulatedClock, simulatedClock } from 'busline/testing'
import {
  type ExecutionProfile,
  type LoadProgress,
  type LoadSummary,
  type RunLoadOptions,
  WorkerManager,
  defineRunner,
  inProcessHost,
  loadChart,
  runLoad,
} from 'busline/workers'
import { describe, expect, it } from 'vitest'
import { splitProfile } from '../../../src/workers/load/split-profile.js'

const silent = { debug() {}, info() {}, warn() {}, error() {} }

/** A load in simulated time, on one worker, whose iterations take as long as `serviceMs` says. */
async function simulateLoad(
  executionProfile: ExecutionProfile,
  serviceMs: (elapsedMs: number) => number,
  options: Partial<RunLoadOptions> = {},
  forMs = 120_000,
): Promise<LoadSummary> {
  const clock = simulatedClock()
  const beganAt = clock.now()
  const target = defineRunner({
    execute: ({ iteration, signal }) =>
      new Promise((resolve) => {
        const timer = clock.setTimeout(() => resolve(iteration % 10 !== 9), serviceMs(clock.now() - beganAt))
        signal.addEventListener('abort', () => clock.clearTimeout(timer))
      }),
  })
  const manager = openManager(clock, { target })
  let summary: LoadSummary | undefined
  const running = runLoad(manager, { testType: 'target', executionProfile, clock, ...options }).then(
    (it) => (summary = it),
  )
  for (let ms = 0; ms < forMs && !summary; ms += 100) await clock.advance(100)
  await running
  await manager.close()
  expect(clock.pendingTimers).toBe(0)
  return summary!
}

function openManager(
  clock: SimulatedClock,
  runners: Parameters<typeof inProcessHost>[0]['runners'],
): WorkerManager {
  return new WorkerManager({
    host: inProcessHost({ runners: runners!, clock }),
    maxWorkers: 2,
    clock,
    heartbeat: false,
    logger: silent,
  })
}

describe('runLoad()', () => {
  const stalling = (elapsedMs: number) => (elapsedMs >= 10_000 && elapsedMs < 12_000 ? 12_005 - elapsedMs : 5)

  it('counts and times everything, over several runners', async () => {
    const summary = await simulateLoad(
      { executor: 'constantArrivalRate', rate: 100, duration: '10s' },
      () => 20,
      { runners: 3, thresholds: { errors: ['rate<0.2'], responseTime: ['p(95)<25'] } },
    )
    expect(summary.totals).toMatchObject({ iterations: 1000, dropped: 0, interrupted: 0 })
    expect(summary.totals.errors).toBe(99)
    expect(summary).toMatchObject({ ok: true, runners: { completed: 3 }, failures: {} })
    expect(summary.responseTime.p99Ms).toBeCloseTo(20, 0)
    expect(summary.series.reduce((sum, { iterations }) => sum + iterations, 0)).toBe(
      summary.totals.iterations,
    )
    expect(summary.thresholds.every(({ ok }) => ok)).toBe(true)
  })

  it('shows a stall of the target in an open load, which a closed load hides', async () => {
    const open = await simulateLoad({ executor: 'constantArrivalRate', rate: 100, duration: '30s' }, stalling)
    const closed = await simulateLoad(
      { executor: 'constantVus', vus: 1, delayBetweenIterations: 5, duration: '30s' },
      stalling,
    )
    expect(open.responseTime.p99Ms).toBeGreaterThan(1600)
    expect(closed.responseTime.p99Ms).toBeLessThan(10)
    expect(Math.max(...open.series.map(({ responseP99Ms }) => responseP99Ms))).toBeGreaterThan(1900)
  })

  it('ends the load when a threshold that asks for it is broken', async () => {
    const summary = await simulateLoad(
      { executor: 'constantArrivalRate', rate: 100, duration: '60s' },
      stalling,
      { thresholds: { responseTime: [{ threshold: 'max<1000', abortOnFail: true }] } },
    )
    expect(summary).toMatchObject({
      ok: false,
      breach: { metric: 'responseTime', threshold: 'max<1000' },
      runners: { stopped: 1 },
    })
    expect(summary.durationMs).toBeLessThan(15_000)
  })

  it('stops when it is told to, and interrupts what the grace period does not let end', async () => {
    const controller = new AbortController()
    let last: LoadProgress | undefined
    const summary = await simulateLoad(
      { executor: 'constantVus', vus: 3, duration: '60s', gracePeriod: '1s' },
      (elapsedMs) => (elapsedMs < 5000 ? 100 : 3_600_000),
      {
        signal: controller.signal,
        onProgress: (progress) => {
          last = progress
          if (progress.elapsedMs >= 6000) controller.abort()
        },
      },
    )
    expect(summary).toMatchObject({ totals: { iterations: 150, interrupted: 3 }, runners: { stopped: 1 } })
    expect(last).toMatchObject({ isOver: true })
    expect(last!.metrics.active).toBe(0)
  })

  it('says what runners failed with, and goes on with the others', async () => {
    const clock = simulatedClock()
    let made = 0
    const target = {
      create: () => {
        const isBroken = ++made === 1
        return {
          execute: () => {
            if (isBroken) throw new Error('cannot reach the shop')
          },
        }
      },
    }
    const manager = openManager(clock, { target })
    const running = runLoad(manager, {
      testType: 'target',
      executionProfile: { executor: 'constantArrivalRate', rate: 10, duration: '2s' },
      runners: 2,
      clock,
    })
    await clock.advance(4000)
    const summary = await running
    expect(summary).toMatchObject({ ok: false, runners: { error: 1, completed: 1 } })
    expect(Object.keys(summary.failures)[0]).toContain('cannot reach the shop')
    await manager.close()
  })

  it('refuses bad profiles and thresholds before anything runs', async () => {
    const clock = simulatedClock()
    const manager = openManager(clock, { target: defineRunner({ execute: () => {} }) })
    const run = (options: Partial<RunLoadOptions>) => {
      const running = runLoad(manager, { testType: 'target', clock, ...options })
      void clock.advance(100)
      return running
    }
    await expect(run({ thresholds: { errors: ['rate'] } })).rejects.toMatchObject({ code: 'VALIDATION' })
    await expect(run({ executionProfile: { iterations: -1 } })).rejects.toMatchObject({ code: 'VALIDATION' })
    await expect(run({ runners: 2 })).rejects.toThrow('must be 1 with the executor iterations')
    await expect(run({ testType: 'nobody' })).rejects.toMatchObject({ code: 'NOT_FOUND' })
    expect(manager.registry.runnerCount([...manager.registry.getWorkersMap().keys()][0]!)).toBe(0)
    await manager.close()
  })
})

describe('splitProfile()', () => {
  it('divides virtual users, iterations and limits so that they add up', () => {
    const shared = splitProfile({ executor: 'sharedIterations', vus: 10, iterations: 101 }, 4)
    expect(shared.map(({ vus }) => vus)).toEqual([3, 3, 2, 2])
    expect(shared.reduce((sum, { iterations }) => sum + iterations!, 0)).toBe(101)
    const ramp = splitProfile(
      { executor: 'rampingVus', startVus: 1, stages: [{ duration: 1000, target: 5 }] },
      2,
    )
    expect(ramp.map(({ startVus, stages }) => [startVus, stages![0]!.target])).toEqual([
      [1, 3],
      [0, 2],
    ])
  })

  it('refuses what cannot be divided', () => {
    expect(() => splitProfile({ executor: 'constantVus', vus: 2, duration: 1000 }, 3)).toThrow(
      '"vus" must be at least',
    )
    expect(() => splitProfile({ executor: 'shape' }, 2)).toThrow('must be 1 with the executor shape')
    expect(() => splitProfile({}, 1.5)).toThrow('"runners" must be a whole number from 1')
  })
})

describe('loadChart()', () => {
  it('draws a load as one SVG file, its name escaped', async () => {
    const summary = await simulateLoad(
      { executor: 'constantArrivalRate', rate: 10, duration: '5s' },
      () => 20,
      {
        name: '<shop> & co',
      },
    )
    const svg = loadChart(summary)
    expect(svg).toMatch(/^<svg [^>]*viewBox="0 0 960 556"/)
    expect(svg).toContain('&lt;shop&gt; &amp; co')
    expect(svg).toContain('response p99')
    expect(svg.match(/<rect[^>]*fill="#0d9488"/g)!.length).toBeGreaterThanOrEqual(5)
    expect(svg).not.toMatch(/NaN|Infinity|undefined/)
  })

  it('draws a load in which nothing ended', async () => {
    const summary = await simulateLoad({ iterations: 0 }, () => 1)
    expect(loadChart(summary)).not.toMatch(/NaN|Infinity|undefined/)
  })
})
