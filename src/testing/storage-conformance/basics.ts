import { equal, rejects } from './assertions.js'
import type { StorageConformanceOptions } from './conformance-options.js'
import { type AddCase, expectField, put } from './open-store.js'

export function addBasics(add: AddCase, name: string, { isDurable }: StorageConformanceOptions): void {
  add('says its name and whether it is durable', ({ driver }) => {
    equal(driver.name, name)
    equal(driver.isDurable, isDurable)
    return Promise.resolve()
  })

  add('returns undefined for a key it does not hold', async ({ driver }) => {
    equal(await driver.get('nothing'), undefined)
    equal(await driver.scan({ prefix: '' }), [])
  })

  add('returns what was put, also after it was put again', async (store) => {
    await store.put(['a', { count: 1 }])
    equal(await store.driver.get('a'), { count: 1 })
    await store.put(['a', { count: 2 }])
    equal(await store.driver.get('a'), { count: 2 })
    equal(await store.driver.scan({ prefix: '' }), [{ key: 'a', value: { count: 2 } }])
  })

  add('forgets what was deleted, and deletes what is not there without complaint', async (store) => {
    await store.put(['a', 1], ['b', 2])
    await store.driver.commit([
      { type: 'delete', key: 'a' },
      { type: 'delete', key: 'c' },
    ])
    equal(await store.driver.get('a'), undefined)
    equal(await store.keys(), ['b'])
  })

  add('deletes by prefix exactly what starts with it', async (store) => {
    const keys = ['run', 'run/', 'run/1', 'run/1/a', 'run/\uffff', 'run/\u{10ffff}', 'run0', 'ru']
    await store.put(...keys.map((key): [string, unknown] => [key, 0]))
    await store.driver.commit([{ type: 'deletePrefix', prefix: 'run/' }])
    equal(await store.keys(), ['ru', 'run', 'run0'])
    await store.driver.commit([{ type: 'deletePrefix', prefix: '' }])
    equal(await store.keys(), [])
  })

  add(
    'refuses empty keys, keys with U+0000 and limits that are not positive integers',
    async ({ driver }) => {
      await rejects(() => driver.get(''), 'VALIDATION')
      await rejects(() => driver.commit([put('', 1)]), 'VALIDATION')
      await rejects(() => driver.commit([put('a\0b', 1)]), 'VALIDATION')
      await rejects(() => driver.commit([{ type: 'delete', key: '' }]), 'VALIDATION')
      await rejects(() => driver.commit([{ type: 'deletePrefix', prefix: '\0' }]), 'VALIDATION')
      await rejects(() => driver.commit([expectField('', 'x', 1)]), 'VALIDATION')
      await rejects(() => driver.commit([{ type: 'rename' } as never]), 'VALIDATION')
      for (const limit of [0, -1, 1.5, NaN]) {
        await rejects(() => driver.scan({ prefix: '', limit }), 'VALIDATION')
      }
    },
  )
}
