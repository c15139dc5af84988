import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { TimelineEvent } from 'busline'
import { createTimeScale } from '../../src/inspector/model/time-scale.js'

const eventsAt = (times: readonly number[], types: readonly string[] = []) =>
  times.map((timestamp, index) => ({
    seq: index + 1,
    timestamp,
    type: types[index] ?? 'log:info',
  })) as unknown as TimelineEvent[]

describe('createTimeScale()', () => {
  it('places events by time, one after the other, or with long waits drawn short', () => {
    const types = ['step:start', 'step:success', 'step:start', 'step:success']
    const events = eventsAt([0, 100, 1_000_100, 1_000_200], types)
    expect(createTimeScale(events, 'time').at(2)).toBeCloseTo(100 / 1_000_200, 6)
    expect(createTimeScale(events, 'events').at(2)).toBeCloseTo(1 / 3)
    const folded = createTimeScale(events, 'folded')
    expect(folded.at(2)).toBeCloseTo(100 / 220)
    expect(folded.folds).toEqual([{ from: 2, to: 3, ms: 1_000_000 }])
    expect(folded.msAt(folded.at(3))).toBe(1_000_100)
  })

  it('never goes back, begins at 0 and ends at 1, whatever the clock did', () => {
    const times = fc.array(fc.integer({ min: -1_000_000, max: 1_000_000 }), { minLength: 2, maxLength: 60 })
    const types = fc.array(fc.constantFrom('step:start', 'step:success', 'step:retry', 'log:info'), {
      maxLength: 60,
    })
    fc.assert(
      fc.property(times, types, fc.constantFrom('time', 'folded', 'events'), (at, kinds, mode) => {
        const scale = createTimeScale(eventsAt(at, kinds), mode)
        const places = at.map((_time, index) => scale.at(index + 1))
        expect(places[0]).toBe(0)
        expect(places.at(-1)).toBeCloseTo(1)
        expect(places.every((place, index) => index === 0 || place >= places[index - 1]!)).toBe(true)
        for (const place of places) expect(places[scale.seqAt(place) - 1]).toBeCloseTo(place)
      }),
    )
  })

  it('has a place for the events of a run without any', () => {
    const scale = createTimeScale([], 'folded')
    expect([scale.at(0), scale.at(5), scale.seqAt(0.5)]).toEqual([0, 0, 0])
  })
})
