import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ExpiringMap } from '../../../src/runtime/admission/expiring-map.js'

describe('ExpiringMap', () => {
  it('keeps every entry for its life, and none for longer than twice that', () => {
    const set = fc.record({ key: fc.nat(20), waitMs: fc.nat(60) })
    fc.assert(
      fc.property(fc.array(set, { maxLength: 200 }), (steps) => {
        const map = new ExpiringMap<number, number>(100)
        const setAt = new Map<number, number>()
        let now = 0
        for (const { key, waitMs } of steps) {
          now += waitMs
          for (const [known, at] of setAt) {
            if (now - at < 100) expect(map.get(known, now)).toBe(at)
            if (now - at >= 200) expect(map.get(known, now)).toBeUndefined()
          }
          map.set(key, now, now)
          setAt.set(key, now)
        }
      }),
    )
  })

  it('does not grow with the number of keys there ever were', () => {
    const map = new ExpiringMap<number, true>(100)
    for (let now = 0; now < 100_000; now++) map.set(now, true, now)
    expect(map.size).toBeLessThanOrEqual(200)
  })
})
