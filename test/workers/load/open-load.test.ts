import { describe, expect, it } from 'vitest'
import { SimulatedDriver, simulate } from './simulated-driver.js'

describe('the load model "constantArrivalRate"', () => {
  it('starts at its rate, however slow the target is', async () => {
    for (const serviceMs of [1, 900]) {
      const driver = await simulate(
        { executor: 'constantArrivalRate', rate: 50, duration: '2s' },
        () => serviceMs,
      )
      expect(driver.started).toHaveLength(100)
      expect(driver.starts.slice(0, 4)).toEqual([0, 20, 40, 60])
      expect(driver.finishedAtMs).toBe(2000)
      expect(driver.mostActive).toBe(Math.ceil(serviceMs / 20))
    }
  })

  it('takes the rate per another unit', async () => {
    const driver = await simulate({
      executor: 'constantArrivalRate',
      rate: 30,
      timeUnit: '1m',
      duration: '10s',
    })
    expect(driver.starts).toEqual([0, 2000, 4000, 6000, 8000])
  })

  it('drops and counts what finds no room, and goes on as planned', async () => {
    const driver = await simulate(
      { executor: 'constantArrivalRate', rate: 100, duration: '1s', maxConcurrent: 2 },
      () => 50,
    )
    expect(driver.mostActive).toBe(2)
    expect(driver.iterationCount + driver.dropped).toBe(100)
    expect(driver.iterationCount).toBe(40)
  })

  it('drops nothing when room is there as soon as it is asked for', async () => {
    const driver = new SimulatedDriver({
      executor: 'constantArrivalRate',
      rate: 1000,
      duration: '1s',
      maxConcurrent: 1,
    })
    driver.model.start()
    // The timer comes late, as on a busy machine: many are due at once.
    driver.clock.jump(driver.clock.now() + 500)
    await driver.clock.advance(1000)
    expect(driver).toMatchObject({ dropped: 0, iterationCount: 1000, mostActive: 1 })
  })

  it('reuses the numbers of virtual users', async () => {
    const driver = await simulate({ executor: 'constantArrivalRate', rate: 100, duration: '1s' }, () => 35)
    expect(Math.max(...driver.started.map(({ vu }) => vu))).toBe(3)
  })

  it('stands still while paused, and starts nothing that was due meanwhile', async () => {
    const driver = new SimulatedDriver({ executor: 'constantArrivalRate', rate: 10, duration: '1s' })
    driver.model.start()
    await driver.clock.advance(450)
    driver.pause()
    expect(driver.clock.pendingTimers).toBe(0)
    await driver.clock.advance('1m')
    expect(driver.iterationCount).toBe(5)
    driver.resume()
    await driver.clock.advance(550)
    expect(driver).toMatchObject({ iterationCount: 10, dropped: 0, finishedAtMs: 1000 })
  })

  it('takes another rate from where it stands', async () => {
    const driver = new SimulatedDriver({ executor: 'constantArrivalRate', rate: 10, duration: '2s' })
    driver.model.start()
    await driver.clock.advance(999)
    expect(driver.iterationCount).toBe(10)
    driver.model.update({ executor: 'constantArrivalRate', rate: 100, duration: '2s' })
    await driver.clock.advance(1001)
    expect(driver).toMatchObject({ iterationCount: 110, finishedAtMs: 2000 })
  })

  it('begins its schedule anew after a reset', async () => {
    const driver = new SimulatedDriver({ executor: 'constantArrivalRate', rate: 10, duration: '1s' })
    driver.model.start()
    await driver.clock.advance(550)
    driver.reset()
    await driver.clock.advance('1h')
    expect(driver).toMatchObject({ iterationCount: 10, finishedAtMs: 1000 })
  })
})

describe('the load model "rampingArrivalRate"', () => {
  it('starts as many per stage as the line between its targets has below it', async () => {
    const driver = await simulate({
      executor: 'rampingArrivalRate',
      startRate: 10,
      stages: [
        { duration: '10s', target: 50, name: 'up' },
        { duration: '10s', target: 50, name: 'hold' },
        { duration: '10s', target: 0 },
      ],
    })
    const inStage = (stage: string | undefined) =>
      driver.started.filter((each) => each.stage === stage).length
    expect([inStage('up'), inStage('hold'), inStage(undefined)]).toEqual([300, 500, 250])
    expect(driver.finishedAtMs).toBe(30_000)
  })
})

describe('a target that stands still for two seconds', () => {
  /** Answers after 5 ms; what reaches it in the tenth second is answered when that and the next are over. */
  const stalling = (elapsedMs: number) =>
    elapsedMs >= 10_000 && elapsedMs < 12_000 ? 12_000 - elapsedMs + 5 : 5

  it('hardly shows in a closed model, which asks nothing meanwhile', async () => {
    const driver = await simulate(
      { executor: 'constantVus', vus: 1, delayBetweenIterations: 5, duration: '30s' },
      stalling,
    )
    expect(driver.iterationCount).toBeGreaterThan(2500)
    expect(driver.serviceTime.percentile(99)).toBeCloseTo(5, 1)
    expect(driver.responseTime.percentile(99)).toBeCloseTo(5, 1)
  })

  it('shows in the response time of an open model: a hundred a second waited for it', async () => {
    const driver = await simulate({ executor: 'constantArrivalRate', rate: 100, duration: '30s' }, stalling)
    expect(driver).toMatchObject({ iterationCount: 3000, dropped: 0 })
    expect(driver.responseTime.percentile(50)).toBeCloseTo(5, 1)
    expect(driver.responseTime.percentile(99)).toBeGreaterThan(1600)
    expect(driver.responseTime.maxMs).toBe(2005)
  })

  it('shows where the generator itself was held up: the response time counts from the plan, the service time does not', async () => {
    const driver = new SimulatedDriver(
      { executor: 'constantArrivalRate', rate: 100, duration: '30s' },
      () => 5,
    )
    driver.model.start()
    await driver.clock.advance(10_006)
    driver.clock.jump(driver.clock.now() + 2000)
    await driver.clock.advance(18_000)
    expect(driver.iterationCount).toBe(3000)
    expect(driver.serviceTime.maxMs).toBe(5)
    expect(driver.responseTime.percentile(99)).toBeGreaterThan(1600)
    expect(driver.started.every(({ atMs, plannedMs }) => plannedMs <= atMs)).toBe(true)
  })
})
