import { equal } from './assertions.js'
import type { AddCase } from './open-store.js'

/** In the order of UTF-16 code units; by code points U+FF5E would come before U+1F600. */
const ORDERED_KEYS = ['\u0001', ' ', 'A', 'a', 'a\u0001', 'a/', 'a/1', 'a/10', 'a/2', 'a0', 'b', 'é']
  .concat([
    '\ud7fe',
    '\ud7ff',
    '\ud800',
    '\ud83d\ude00',
    '\udfff',
    '\ue000',
    '\uff5e',
    '\uffff',
    '\uffff\uffff',
  ])
  .sort((one, other) => (one < other ? -1 : 1))

export function addScans(add: AddCase): void {
  add('orders keys by their UTF-16 code units, and keeps unpaired surrogates apart', async (store) => {
    await store.put(...[...ORDERED_KEYS].reverse().map((key): [string, unknown] => [key, { key }]))
    equal(await store.keys(), ORDERED_KEYS)
    equal(await store.keys({ prefix: '', reverse: true }), [...ORDERED_KEYS].reverse())
    for (const key of ORDERED_KEYS) equal(await store.driver.get(key), { key })
    for (const prefix of ORDERED_KEYS) {
      const expected = ORDERED_KEYS.filter((key) => key.startsWith(prefix))
      equal(await store.keys({ prefix }), expected)
      equal(await store.keys({ prefix, reverse: true }), [...expected].reverse())
    }
  })

  add('pages through a range in both directions without a gap or an overlap', async (store) => {
    const keys = Array.from({ length: 25 }, (_, index) => `page/${String(index).padStart(2, '0')}`)
    await store.put(['paga', 0], ...keys.map((key): [string, unknown] => [key, 0]), ['page0', 0])
    for (const reverse of [false, true]) {
      for (const limit of [1, 4, 24, 25, 26]) {
        const seen: string[] = []
        for (let after: string | undefined; ; after = seen.at(-1)) {
          const page = await store.keys({ prefix: 'page/', limit, reverse, ...(after ? { after } : {}) })
          seen.push(...page)
          if (page.length < limit) break
        }
        equal(seen, reverse ? [...keys].reverse() : keys)
      }
    }
  })

  add('takes a cursor that is no key, or lies outside of the prefix', async (store) => {
    await store.put(['a', 0], ['b/1', 0], ['b/2', 0], ['c', 0])
    const after = (cursor: string, reverse = false) => store.keys({ prefix: 'b/', after: cursor, reverse })
    equal(await after('b/11'), ['b/2'])
    equal(await after('a'), ['b/1', 'b/2'])
    equal(await after('c'), [])
    equal(await after('b/15', true), ['b/1'])
    equal(await after('c', true), ['b/2', 'b/1'])
    equal(await after('a', true), [])
    equal(await after('b/1', true), [])
  })

  add('returns at most 1000 records unless told otherwise', async (store) => {
    const keys = Array.from({ length: 1203 }, (_, index) => `k${String(index).padStart(4, '0')}`)
    await store.put(...keys.map((key): [string, unknown] => [key, 0]))
    equal(await store.keys(), keys.slice(0, 1000))
    equal(await store.keys({ prefix: '', limit: 5000 }), keys)
    equal((await store.keys({ prefix: '', reverse: true })).at(-1), keys[203])
  })
}
