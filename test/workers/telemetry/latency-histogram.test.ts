import { createHistogram } from 'node:perf_hooks'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LatencyHistogram } from '../../../src/workers/telemetry/latency-histogram.js'
import { codeOf } from '../code-of.js'

const PERCENTS = [1, 10, 50, 75, 90, 95, 99, 99.9, 99.99]
/** From a microsecond to an hour, each magnitude as likely as the others. */
const latency = fc
  .tuple(fc.double({ min: -3, max: 6.5, noNaN: true }), fc.constant(null))
  .map(([magnitude]) => 10 ** magnitude)

function histogramOf(values: readonly number[]): LatencyHistogram {
  const histogram = new LatencyHistogram()
  for (const value of values) histogram.record(value)
  return histogram
}

/** What a percentile is, by definition: the value at that rank. */
function exactPercentile(values: readonly number[], percent: number): number {
  const sorted = [...values].sort((one, other) => one - other)
  return sorted[Math.max(1, Math.ceil(Number(((percent / 100) * sorted.length).toPrecision(12)))) - 1]!
}

describe('LatencyHistogram', () => {
  it('gives each percentile within 0.1% and half a microsecond of the sorted values', () => {
    fc.assert(
      fc.property(fc.array(latency, { minLength: 1, maxLength: 400 }), (values) => {
        const histogram = histogramOf(values)
        for (const percent of PERCENTS) {
          const exact = exactPercentile(values, percent)
          expect(Math.abs(histogram.percentile(percent) - exact)).toBeLessThanOrEqual(
            exact * 0.001 + 0.0005001,
          )
        }
      }),
    )
  })

  it('agrees with the histogram of Node', () => {
    const nodes = createHistogram({ lowest: 1, highest: 3_600_000_000, figures: 5 })
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 60_000_000 }), { minLength: 1, maxLength: 500 }),
        (microseconds) => {
          nodes.reset()
          for (const each of microseconds) nodes.record(each)
          const ours = histogramOf(microseconds.map((each) => each / 1000))
          expect(ours.count).toBe(nodes.count)
          expect(Math.abs(ours.meanMs * 1000 - nodes.mean)).toBeLessThanOrEqual(nodes.mean * 0.001 + 1)
          for (const percent of [50, 90, 99, 99.9]) {
            const theirs = nodes.percentile(percent) / 1000
            // Node rounds the rank where we take the next one: it may be one value off.
            const oneRank = 100 / ours.count
            expect(theirs).toBeGreaterThanOrEqual(ours.percentile(percent - oneRank) * 0.999 - 0.001)
            expect(theirs).toBeLessThanOrEqual(ours.percentile(percent + oneRank) * 1.001 + 0.001)
          }
        },
      ),
    )
  })

  it('merges to what one histogram would hold that had recorded everything', () => {
    fc.assert(
      fc.property(fc.array(fc.array(latency, { maxLength: 60 }), { maxLength: 5 }), (groups) => {
        const merged = new LatencyHistogram()
        for (const group of groups) merged.merge(histogramOf(group))
        const { sumMs, ...whole } = histogramOf(groups.flat()).encode()
        expect(merged.encode()).toMatchObject(whole)
        // Sums of fractions depend on their order.
        expect(merged.encode().sumMs).toBeCloseTo(sumMs, 3)
      }),
    )
  })

  it('is the same after encode and decode, through JSON', () => {
    fc.assert(
      fc.property(fc.array(latency, { maxLength: 200 }), (values) => {
        const histogram = histogramOf(values)
        const read = LatencyHistogram.decode(JSON.parse(JSON.stringify(histogram.encode())))
        expect(read.summary()).toEqual(histogram.summary())
        expect(read.encode()).toEqual(histogram.encode())
      }),
    )
  })

  it('knows the least and the greatest exactly, and nothing when it is empty', () => {
    const histogram = histogramOf([3.1, 0.7, 250.4])
    expect(histogram).toMatchObject({ count: 3, minMs: 0.7, maxMs: 250.4 })
    expect(histogram.percentile(0)).toBe(0.7)
    expect(histogram.percentile(100)).toBe(250.4)
    histogram.reset()
    expect(Object.values(histogram.summary()).every((figure) => figure === 0)).toBe(true)
    expect(histogram.encode().buckets).toEqual([])
  })

  it('counts a time below zero as zero, and any that is too long as the longest', () => {
    const histogram = histogramOf([-5, 1e18, Infinity])
    expect(histogram.count).toBe(3)
    expect(histogram.minMs).toBe(0)
    expect(histogram.percentile(1)).toBe(0)
    expect(histogram.maxMs).toBe(2 ** 42 / 1000)
    expect(LatencyHistogram.decode(histogram.encode()).summary()).toEqual(histogram.summary())
  })

  it('adds what one who waits could not ask meanwhile', () => {
    const histogram = new LatencyHistogram()
    for (let sample = 0; sample < 99; sample++) histogram.recordCorrected(1, 10)
    expect(histogram.count).toBe(99)
    histogram.recordCorrected(1000, 10)
    // 1000, and 990, 980, … down to 10.
    expect(histogram.count).toBe(99 + 100)
    expect(histogram.percentile(75)).toBeCloseTo(510, 0)
  })

  it('refuses what is no time, and what is no encoded histogram', () => {
    const histogram = new LatencyHistogram()
    expect(codeOf(() => histogram.record(NaN))).toBe('VALIDATION')
    const good = histogramOf([1]).encode()
    for (const bad of [
      { ...good, v: 2 as 1 },
      { ...good, buckets: [1] },
      { ...good, buckets: [0, 1] },
      { ...good, buckets: [1, 0.5] },
      { ...good, buckets: [1e6, 1] },
      { ...good, minMs: 5 },
      { ...good, sumMs: NaN },
    ]) {
      expect(codeOf(() => LatencyHistogram.decode(bad))).toBe('VALIDATION')
    }
    expect(histogram.count).toBe(0)
  })
})
