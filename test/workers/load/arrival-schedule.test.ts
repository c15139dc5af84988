import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ArrivalSchedule, type RateSegment } from '../../../src/workers/load/arrival-schedule.js'
import { seededRandom } from '../../../src/core/seeded-random.js'

function startsOf(schedule: ArrivalSchedule, atMost = 100_000): readonly number[] {
  const starts: number[] = []
  while (schedule.nextMs !== Infinity && starts.length < atMost) {
    starts.push(schedule.nextMs)
    schedule.take()
  }
  return starts
}

const rate = fc.integer({ min: 0, max: 2000 }).map((perSecond) => perSecond / 1000)
const segments = fc.array(
  fc.record({ durationMs: fc.integer({ min: 0, max: 5000 }), fromRate: rate, toRate: rate }),
  { minLength: 1, maxLength: 5 },
)
const areaOf = (each: readonly RateSegment[]) =>
  each.reduce((sum, { durationMs, fromRate, toRate }) => sum + (durationMs * (fromRate + toRate)) / 2, 0)

describe('ArrivalSchedule', () => {
  it('spaces a constant rate evenly, the first at the begin and none at the end', () => {
    const starts = startsOf(new ArrivalSchedule([{ durationMs: 1000, fromRate: 0.005, toRate: 0.005 }]))
    expect(starts).toEqual([0, 200, 400, 600, 800])
  })

  it('starts as many as the area below the rate says, in order, none outside of its segments', () => {
    fc.assert(
      fc.property(segments, (given) => {
        const schedule = new ArrivalSchedule(given)
        const starts = startsOf(schedule)
        expect(starts).toHaveLength(Math.ceil(areaOf(given) - 1e-6))
        expect(starts.every((start, index) => start >= (starts[index - 1] ?? 0))).toBe(true)
        expect(starts.at(-1) ?? 0).toBeLessThanOrEqual(schedule.endsAtMs + 1e-6)
      }),
    )
  })

  it('starts nothing where the rate is zero', () => {
    const schedule = new ArrivalSchedule([
      { durationMs: 1000, fromRate: 0.01, toRate: 0.01 },
      { durationMs: 5000, fromRate: 0, toRate: 0 },
      { durationMs: 1000, fromRate: 0.01, toRate: 0.01 },
    ])
    const starts = startsOf(schedule)
    expect(starts).toHaveLength(20)
    expect(starts.filter((start) => start >= 1000 && start < 6000)).toEqual([])
    expect(starts[10]).toBe(6000)
  })

  it('leaves out what is past, and nothing else', () => {
    fc.assert(
      fc.property(segments, fc.nat(10_000), (given, elapsedMs) => {
        const whole = startsOf(new ArrivalSchedule(given))
        const schedule = new ArrivalSchedule(given)
        schedule.skipTo(elapsedMs)
        const rest = startsOf(schedule)
        // One that falls on the very instant may be on either side of it.
        const after = whole.filter((start) => start >= elapsedMs - 1e-3)
        expect(Math.abs(after.length - rest.length)).toBeLessThanOrEqual(1)
        const offset = after.length - rest.length
        const gaps = rest.map((start, index) => Math.abs(start - (after[index + offset] ?? start)))
        expect(gaps.every((gap) => gap < 1e-3)).toBe(true)
      }),
    )
  })

  it('shifted by a part of the distance, starts in the gaps of the others', () => {
    const given = [{ durationMs: 1000, fromRate: 0.01, toRate: 0.01 }]
    const shifted = new ArrivalSchedule(given, { phase: 0.25 })
    expect(startsOf(shifted)).toEqual([25, 125, 225, 325, 425, 525, 625, 725, 825, 925])
    const later = new ArrivalSchedule(given, { phase: 0.25 })
    later.skipTo(325.5)
    expect(later.nextMs).toBe(425)
  })

  it('draws a Poisson process: the same for the same seed, with the right mean and the right spread', () => {
    const given = [{ durationMs: 100_000, fromRate: 0.1, toRate: 0.1 }]
    const draw = (seed: number) => startsOf(new ArrivalSchedule(given, { random: seededRandom(seed) }))
    expect(draw(7)).toEqual(draw(7))
    expect(draw(7)).not.toEqual(draw(8))
    // 10 000 are expected, with a standard deviation of 100.
    const starts = draw(1)
    expect(Math.abs(starts.length - 10_000)).toBeLessThan(500)
    const gaps = starts.slice(1).map((start, index) => start - starts[index]!)
    const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length
    const deviation = Math.sqrt(gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length)
    expect(deviation / mean).toBeGreaterThan(0.9)
    expect(deviation / mean).toBeLessThan(1.1)
  })

  it('draws after a skip with the rate that holds then', () => {
    const given = [
      { durationMs: 10_000, fromRate: 0.001, toRate: 0.001 },
      { durationMs: 10_000, fromRate: 1, toRate: 1 },
    ]
    const schedule = new ArrivalSchedule(given, { random: seededRandom(3) })
    schedule.skipTo(15_000)
    expect(schedule.nextMs).toBeGreaterThanOrEqual(15_000)
    expect(Math.abs(startsOf(schedule).length - 5000)).toBeLessThan(300)
  })
})
