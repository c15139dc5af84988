import { afterEach, describe, expect, it, vi } from 'vitest'
import { parse, validate, version } from 'uuid'
import { uuidv7 } from '../../src/core/ids.js'

const timeOf = (id: string) => parseInt(id.slice(0, 8) + id.slice(9, 13), 16)

describe('uuidv7()', () => {
  afterEach(() => {
    vi.restoreAllMocks()
  })

  it('makes UUIDs of version 7 that hold the present millisecond', () => {
    const before = Date.now()
    const id = uuidv7()
    expect(validate(id) && version(id)).toBe(7)
    expect(timeOf(id)).toBeGreaterThanOrEqual(before)
    expect(timeOf(id)).toBeLessThanOrEqual(Date.now())
  })

  it('makes 200 000 ids that strictly increase and are all well-formed', () => {
    let last = ''
    for (let n = 0; n < 200_000; n++) {
      const id = uuidv7()
      if (!(id > last) || !/^[\da-f]{8}-[\da-f]{4}-7[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/.test(id)) {
        expect.fail(`${id} after ${last}`)
      }
      last = id
    }
  })

  it('goes on increasing when the clock is set back', () => {
    const last = uuidv7()
    vi.spyOn(Date, 'now').mockReturnValue(Date.now() - 3_600_000)
    expect(uuidv7() > last).toBe(true)
  })

  it('makes as many ids as one likes while the clock stands still', () => {
    const now = Date.now() + 1000
    vi.spyOn(Date, 'now').mockReturnValue(now)
    const ids = Array.from({ length: 10_000 }, () => uuidv7())
    expect(new Set(ids).size).toBe(10_000)
    expect([...ids].sort()).toEqual(ids)
    expect(new Set(ids.map(timeOf))).toEqual(new Set([now]))
  })

  it('spreads the random bits evenly', () => {
    const ones = new Array<number>(48).fill(0)
    const COUNT = 4000
    for (let n = 0; n < COUNT; n++) {
      const tail = parse(uuidv7()).subarray(10)
      for (let bit = 0; bit < 48; bit++) ones[bit]! += (tail[bit >> 3]! >> (bit & 7)) & 1
    }
    // Six standard deviations: one false alarm in ten million runs.
    for (const count of ones) expect(Math.abs(count - COUNT / 2)).toBeLessThan(6 * Math.sqrt(COUNT / 4))
  })
})
