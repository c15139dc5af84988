import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { deepFreeze } from '../../src/core/deep-freeze.js'

function isDeeplyFrozen(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true
  return Object.isFrozen(value) && Object.values(value).every(isDeeplyFrozen)
}

describe('deepFreeze()', () => {
  it('freezes all plain data in place and returns it', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(deepFreeze(value)).toBe(value)
        expect(isDeeplyFrozen(value)).toBe(true)
      }),
    )
  })

  it('leaves dates, maps, typed arrays and instances of classes as they are', () => {
    class Account {
      balance = 1
    }
    const value = { at: new Date(0), map: new Map(), bytes: new Uint8Array(2), account: new Account() }
    deepFreeze(value)
    value.bytes[0] = 7
    value.account.balance = 2
    expect(value.bytes[0] + value.account.balance).toBe(9)
    expect(Object.isFrozen(value)).toBe(true)
  })

  it('freezes objects without a prototype', () => {
    const value = deepFreeze(Object.assign(Object.create(null) as object, { inner: { n: 1 } }))
    expect(isDeeplyFrozen(value)).toBe(true)
  })

  it('ends at cycles and at any depth', () => {
    const cycle: { self?: unknown; inner: object } = { inner: {} }
    cycle.self = cycle
    expect(Object.isFrozen(deepFreeze(cycle).inner)).toBe(true)
    let deep: object = {}
    const bottom = deep
    for (let level = 0; level < 100_000; level++) deep = { deep }
    deepFreeze(deep)
    expect(Object.isFrozen(bottom)).toBe(true)
  })

  it('never throws, whatever it meets, and freezes the rest', () => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    const value = {
      get trap(): never {
        throw new Error('trap')
      },
      get made() {
        return { fresh: true }
      },
      proxy,
      after: { n: 1 },
    }
    expect(Object.isFrozen(deepFreeze(value).after)).toBe(true)
    expect(Object.isFrozen(value.made)).toBe(false)
    fc.assert(fc.property(fc.anything(), (anything) => void deepFreeze(anything)))
  })
})
