import { describe, expect, it } from 'vitest'
import { SimulatedDriver, simulate } from './simulated-driver.js'

describe('the load model "iterations"', () => {
  it('runs one after the other, with the delay from the end of one to the start of the next, and none after the last', async () => {
    const driver = await simulate({ iterations: 4, delayBetweenIterations: 250 }, () => 100)
    expect(driver.starts).toEqual([0, 350, 700, 1050])
    expect(driver.finishedAtMs).toBe(1150)
    expect(driver.clock.pendingTimers).toBe(0)
  })

  it('is done at once with no iterations', async () => {
    const driver = await simulate({ iterations: 0 })
    expect(driver).toMatchObject({ iterationCount: 0, finishedAtMs: 0 })
  })

  it('takes a lower limit at once, and a longer delay instead of the one under way', async () => {
    const driver = new SimulatedDriver({ iterations: 10, delayBetweenIterations: 100 })
    driver.model.start()
    await driver.clock.advance(50)
    driver.model.update({ iterations: 10, delayBetweenIterations: 400 })
    await driver.clock.advance(349)
    expect(driver.iterationCount).toBe(1)
    await driver.clock.advance(1)
    expect(driver.iterationCount).toBe(2)
    driver.model.update({ iterations: 2, delayBetweenIterations: 400 })
    expect(driver.finishedAtMs).toBe(400)
    await driver.clock.advance('1h')
    expect(driver.iterationCount).toBe(2)
    expect(driver.clock.pendingTimers).toBe(0)
  })

  it('stands still while paused, and waits for the rest of the delay afterwards', async () => {
    const driver = new SimulatedDriver({ iterations: 3, delayBetweenIterations: 100 })
    driver.model.start()
    await driver.clock.advance(130)
    driver.pause()
    expect(driver.clock.pendingTimers).toBe(0)
    await driver.clock.advance('1h')
    driver.resume()
    await driver.clock.advance(69)
    expect(driver.iterationCount).toBe(2)
    await driver.clock.advance(1)
    expect(driver).toMatchObject({ iterationCount: 3, finishedAtMs: 200 })
  })

  it('begins anew after a reset', async () => {
    const driver = new SimulatedDriver({ iterations: 3, delayBetweenIterations: 100, duration: 1000 })
    driver.model.start()
    await driver.clock.advance(150)
    driver.reset()
    await driver.clock.advance('1h')
    expect(driver.starts).toEqual([0, 100, 150, 250, 350])
    expect(driver.finishedAtMs).toBe(200)
  })
})

describe('the load model "sharedIterations"', () => {
  it('runs that many in all, whoever is free the next', async () => {
    // The second user is slow: the others do more.
    const driver = await simulate({ executor: 'sharedIterations', vus: 3, iterations: 20 }, (ms) =>
      ms === 0 ? 500 : 10,
    )
    expect(driver.iterationCount).toBe(20)
    expect(driver.mostActive).toBe(3)
    const slow = new Set(driver.started.map(({ vu }) => vu))
    expect(slow).toEqual(new Set([0, 1, 2]))
  })

  it('never starts more than that, also where many end at once', async () => {
    for (const vus of [1, 7, 100]) {
      const driver = await simulate({ executor: 'sharedIterations', vus, iterations: 50 }, () => 10)
      expect(driver.started).toHaveLength(50)
      expect(driver.finishedAtMs).toBeDefined()
    }
  })
})

describe('the load model "constantVus"', () => {
  it('keeps that many loops going for as long as it says', async () => {
    const driver = await simulate({ executor: 'constantVus', vus: 4, duration: '1s' }, () => 100)
    expect(driver.iterationCount).toBe(40)
    expect(driver.mostActive).toBe(4)
    expect(driver.finishedAtMs).toBe(1000)
  })

  it('lets paused time not count', async () => {
    const driver = new SimulatedDriver({ executor: 'constantVus', vus: 1, duration: 1000 }, () => 100)
    driver.model.start()
    await driver.clock.advance(450)
    driver.pause()
    await driver.clock.advance(5000)
    driver.resume()
    await driver.clock.advance(549)
    expect(driver.finishedAtMs).toBeUndefined()
    await driver.clock.advance(1)
    expect(driver.finishedAtMs).toBe(1000)
  })
})

describe('the load model "rampingVus"', () => {
  it('adds and takes away virtual users in straight lines, and says which stage it is', async () => {
    const driver = await simulate(
      {
        executor: 'rampingVus',
        startVus: 1,
        stages: [
          { duration: 4000, target: 5, name: 'up' },
          { duration: 2000, target: 5 },
          { duration: 4000, target: 1, name: 'down' },
        ],
      },
      () => 100,
    )
    const busyAt = (ms: number) =>
      driver.started.filter(({ atMs }) => atMs <= ms && ms < atMs + 100).map(({ vu }) => vu).length
    expect([50, 1050, 2050, 3050, 3650, 5050, 6950, 9950].map(busyAt)).toEqual([1, 2, 3, 4, 5, 5, 4, 1])
    expect(driver.finishedAtMs).toBe(10_000)
    expect(driver.started.at(0)!.stage).toBe('up')
    expect(driver.started.find(({ atMs }) => atMs > 4500)!.stage).toBeUndefined()
    expect(driver.started.at(-1)!.stage).toBe('down')
  })

  it('jumps where a stage takes no time', async () => {
    const stages = [
      { duration: 0, target: 3 },
      { duration: 1000, target: 3 },
    ]
    const driver = await simulate({ executor: 'rampingVus', stages }, () => 100)
    expect(driver.iterationCount).toBe(30)
  })
})

describe('the load model "shape"', () => {
  it('asks once a second what is wanted, moves there at that rate, and ends at null', async () => {
    const asked: number[] = []
    const driver = await simulate({ executor: 'shape' }, () => 100, {
      shape: ({ elapsedMs }) => {
        asked.push(elapsedMs)
        if (elapsedMs >= 4000) return null
        return elapsedMs < 2000 ? { target: 4, rate: 2 } : { target: 1 }
      },
    })
    expect(asked).toEqual([0, 1000, 2000, 3000, 4000])
    expect(driver.finishedAtMs).toBe(4000)
    const busyAt = (ms: number) => driver.started.filter(({ atMs }) => atMs <= ms && ms < atMs + 100).length
    expect([400, 550, 1050, 1550, 2250].map(busyAt)).toEqual([0, 1, 2, 3, 1])
  })

  it('sees how the load is going, and stays below `maxConcurrent`', async () => {
    const driver = await simulate({ executor: 'shape', maxConcurrent: 5, shapeInterval: 500 }, () => 100, {
      shape: ({ iterationCount, activeIterations }) =>
        iterationCount >= 100 ? null : { target: activeIterations === 0 ? 2 : 50 },
    })
    expect(driver.mostActive).toBe(5)
    expect(driver.iterationCount).toBeGreaterThanOrEqual(100)
    expect(driver.iterationCount).toBeLessThan(130)
  })

  it.each([
    ['throws', () => Promise.reject.call(undefined), 'TypeError'],
    ['answers a promise', async () => ({ target: 1 }), 'and not a promise'],
    ['answers nothing', () => undefined, 'must answer null'],
    ['answers a negative number', () => ({ target: -1 }), 'numbers from 0'],
    ['answers a rate that is no number', () => ({ target: 1, rate: NaN }), 'numbers from 0'],
  ])('a shape that %s fails its runner, and nothing else', async (_what, shape, told) => {
    const driver = await simulate({ executor: 'shape' }, undefined, { shape: shape as never, forMs: 5000 })
    expect(driver.failures).toEqual([expect.stringContaining(told)])
    expect(driver.started).toEqual([])
    expect(driver.clock.pendingTimers).toBe(0)
  })
})
