import { describe, expect, it } from 'vitest'
import { type Duration, SystemError, toMs } from 'busline'

describe('toMs()', () => {
  it.each([
    [250, 250],
    [Infinity, Infinity],
    ['250ms', 250],
    ['30s', 30_000],
    ['15m', 900_000],
    ['1.5h', 5_400_000],
    ['7d', 604_800_000],
  ] as [Duration, number][])('reads %s as %d milliseconds', (duration, ms) => {
    expect(toMs(duration)).toBe(ms)
  })

  it.each(['', '5', '5 m', '-5s', '5y', -1, NaN, null, {}])('refuses %j with VALIDATION', (bad) => {
    expect(() => toMs(bad as Duration)).toThrow(SystemError)
    expect(() => toMs(bad as Duration)).toThrow(/give milliseconds or a string such as/)
  })
})
