import { describe, expect, it } from 'vitest'
import { SystemError } from 'busline'
import {
  type FaultPlan,
  type StorageFault,
  faultInjecting,
  simulatedClock,
  storageConformance,
} from '../../src/testing/index.js'
import { memoryStorage } from '../../src/storage/memory-storage.js'
import type { StorageDriver, StorageOperation } from '../../src/storage/storage-driver.js'

const put = (key: string, value: unknown): StorageOperation => ({ type: 'put', key, value })
const contents = async (driver: StorageDriver) =>
  Object.fromEntries((await driver.scan({ prefix: '' })).map(({ key, value }) => [key, value]))
const setUp = (plan: FaultPlan = {}) => {
  const inner = memoryStorage()
  return { inner, driver: faultInjecting(inner, plan) }
}
/** Whether a promise settles without any time passing. */
const settles = async (promise: Promise<unknown>) => {
  let hasSettled = false
  const settle = () => (hasSettled = true)
  promise.then(settle, settle)
  await simulatedClock().settle()
  return hasSettled
}

describe('faultInjecting()', () => {
  const plans: [string, FaultPlan][] = [
    ['without faults', {}],
    ['with a log of what is not flushed', { flushEvery: 3 }],
  ]
  describe.each(plans)('%s', (_title, plan) => {
    const create = () => ({ open: () => faultInjecting(memoryStorage(), plan) })
    const cases = storageConformance('memory', create, { isDurable: false, values: 'structured-clone' })
    for (const { title, run } of cases) it(title, run)
  })

  it('counts calls by kind', async () => {
    const { driver } = setUp()
    await driver.commit([put('a', 1)])
    await driver.get('a')
    await driver.get('b')
    await driver.scan({ prefix: '' })
    expect(driver.calls).toEqual({ get: 2, scan: 1, commit: 1 })
    expect(driver.totalCalls).toBe(4)
  })

  it('fails the call it names, once, and leaves the store alone', async () => {
    const { driver, inner } = setUp({ faults: [{ type: 'fail', at: 2, on: 'commit' }] })
    await driver.commit([put('a', 1)])
    await driver.get('a')
    expect(driver.hasLanded).toBe(false)
    await expect(driver.commit([put('b', 1)])).rejects.toMatchObject({
      code: 'STORAGE',
      context: { isOutcomeUnknown: false },
    })
    expect(driver.hasLanded).toBe(true)
    await driver.commit([put('c', 1)])
    expect(await contents(inner)).toEqual({ a: 1, c: 1 })
  })

  it('fails with the error it is given, as often as it is told', async () => {
    const error = new SystemError('STORAGE', 'The disk is full')
    const { driver } = setUp({ faults: [{ type: 'fail', at: 2, times: 2, error }] })
    await driver.get('a')
    await expect(driver.get('a')).rejects.toBe(error)
    await expect(driver.commit([])).rejects.toBe(error)
    await driver.get('a')
    expect(driver.landed).toHaveLength(2)
  })

  it('says that the outcome is unknown when it applies a commit and fails it', async () => {
    const { driver } = setUp({ faults: [{ type: 'fail-applied', at: 1 }] })
    await expect(driver.commit([put('a', 1)])).rejects.toMatchObject({
      code: 'STORAGE',
      context: { isOutcomeUnknown: true },
    })
    expect(await driver.get('a')).toBe(1)
  })

  it('answers a duplicated conditional commit with the CONFLICT of its second go', async () => {
    const { driver } = setUp({ faults: [{ type: 'duplicate', at: 1 }] })
    const claim = driver.commit([{ type: 'expect', key: 'a', field: 'x', equals: undefined }, put('a', 1)])
    await expect(claim).rejects.toMatchObject({ code: 'CONFLICT' })
    expect(await driver.get('a')).toBe(1)
  })

  it('delays on the clock of the plan', async () => {
    const clock = simulatedClock()
    const { driver, inner } = setUp({ clock, faults: [{ type: 'delay', at: 1, for: '5s' }] })
    const commit = driver.commit([put('a', 1)])
    await clock.advance(4_999)
    expect(await inner.get('a')).toBeUndefined()
    await clock.advance(1)
    await commit
    expect(await inner.get('a')).toBe(1)
  })

  it.each([
    ['before', { a: 1 }],
    ['after', { a: 1, b: 2 }],
  ] as const)(
    'never settles again once killed %s a commit, and leaves the store usable',
    async (when, left) => {
      const { driver, inner } = setUp({ faults: [{ type: 'kill', at: 2, when }] })
      await driver.commit([put('a', 1)])
      const killed = driver.commit([put('b', 2)])
      await driver.killed
      expect(driver.isKilled).toBe(true)
      const later = [killed, driver.get('a'), driver.scan({ prefix: '' }), driver.commit([put('c', 3)])]
      for (const promise of later) expect(await settles(promise)).toBe(false)
      await driver.close()
      expect(await contents(inner)).toEqual(left)
    },
  )

  it('never answers a call that was under way when it was killed', async () => {
    const { driver } = setUp({ faults: [{ type: 'kill', at: 2, when: 'before' }] })
    const commits = [driver.commit([put('a', 1)]), driver.get('a')]
    await driver.killed
    for (const promise of commits) expect(await settles(promise)).toBe(false)
  })

  it('tears a commit at the operation it names', async () => {
    const { driver, inner } = setUp({ faults: [{ type: 'tear', at: 1, operations: 2 }] })
    void driver.commit([put('a', 1), put('b', 1), put('c', 1)])
    await driver.killed
    expect(await contents(inner)).toEqual({ a: 1, b: 1 })
  })

  it('loses whole commits since the last flush in a power loss, and only those', async () => {
    const states: Record<string, unknown>[] = []
    for (let lastCommit = 1; lastCommit <= 6; lastCommit++) {
      const fault: StorageFault = {
        type: 'kill',
        at: lastCommit,
        on: 'commit',
        when: 'after',
        isPowerLoss: true,
      }
      const { driver, inner } = setUp({ faults: [fault], flushEvery: 3 })
      const commits: StorageOperation[][] = [
        [put('a', 1), put('b', 1)],
        [put('a', 2), { type: 'delete', key: 'b' }],
        [put('a', 3), put('c/1', 3), put('c/2', 3)],
        [{ type: 'deletePrefix', prefix: 'c/' }, put('c/3', 4)],
        [{ type: 'deletePrefix', prefix: '' }, put('a', 5)],
        [put('a', 6)],
      ]
      for (const operations of commits.slice(0, lastCommit)) void driver.commit(operations)
      await driver.killed
      states.push(await contents(inner))
    }
    const flushed = { a: 3, 'c/1': 3, 'c/2': 3 }
    expect(states).toEqual([{}, {}, flushed, flushed, flushed, { a: 6 }])
  })

  it('loses nothing that was acknowledged when every commit is flushed', async () => {
    const { driver, inner } = setUp({ flushEvery: 1 })
    await driver.commit([put('a', 1)])
    await driver.kill({ isPowerLoss: true })
    expect(await contents(inner)).toEqual({ a: 1 })
  })

  it('lets a store in memory stand in for a durable one', () => {
    expect(faultInjecting(memoryStorage()).isDurable).toBe(false)
    expect(faultInjecting(memoryStorage(), { isDurable: true }).isDurable).toBe(true)
  })

  it('tells of a fault that never struck', async () => {
    const { driver } = setUp({ faults: [{ type: 'kill', at: 9, when: 'before' }] })
    await driver.commit([put('a', 1)])
    expect(driver.hasLanded).toBe(false)
    expect(driver.landed).toEqual([])
  })
})
