import { equal, rejects } from './assertions.js'
import type { StorageConformanceOptions } from './conformance-options.js'
import type { AddCase } from './open-store.js'

export function addValues(add: AddCase, { values }: StorageConformanceOptions): void {
  add('keeps every kind of JSON value', async (store) => {
    const samples: unknown[] = [null, true, false, 0, 1.5, -1e300, 5e-324, 2 ** 53, '', 'text', [], {}]
    samples.push(
      '\0 and \u0007 and "quotes" and \\',
      '\ud800 unpaired',
      '\u2028',
      'ключ 键 😀',
      'x'.repeat(300_000),
    )
    samples.push({ nested: { list: [1, [2, [3, { deep: null }]]] }, '': 'empty key', 'a.b': 1, '0': 'zero' })
    await store.put(...samples.map((value, index): [string, unknown] => [`v/${index}`, value]))
    for (const [index, value] of samples.entries()) equal(await store.driver.get(`v/${index}`), value)
  })

  add('takes a value over when commit is called', async (store) => {
    const value = { list: [1], inner: { a: 1 } }
    const committed = store.put(['a', value])
    value.list.push(2)
    value.inner.a = 2
    await committed
    value.list.push(3)
    equal(await store.driver.get('a'), { list: [1], inner: { a: 1 } })
  })

  add('hands values out so that changing them changes nothing', async (store) => {
    await store.put(['a', { list: [1] }])
    const change = (value: unknown) => {
      try {
        ;(value as { list: number[] }).list.push(2)
      } catch {
        // Frozen is as good as a copy.
      }
    }
    change(await store.driver.get('a'))
    change((await store.driver.scan({ prefix: 'a' }))[0]?.value)
    equal(await store.driver.get('a'), { list: [1] })
  })

  add('refuses what is not plain data with VALIDATION naming the path, and writes nothing', async (store) => {
    const cyclic: Record<string, unknown> = {}
    cyclic.self = cyclic
    const refused: unknown[] = [
      () => 0,
      Symbol('s'),
      1n,
      new Map(),
      new Set(),
      new (class Custom {})(),
      cyclic,
      /x/,
    ]
    refused.push(new Error('x'), Promise.resolve(), new WeakMap(), JSON.parse('{"__proto__":1}'))
    if (values === 'json')
      refused.push(NaN, Infinity, new Date(0), new Uint8Array(2), new ArrayBuffer(2), [undefined])
    if (values === 'json' && typeof Blob === 'function') refused.push(new Blob(['x']))
    for (const value of refused) {
      const commit = () => store.put(['good', 1], ['bad', { items: [0, { when: value }] }])
      const error = await rejects(commit, 'VALIDATION')
      equal(error.context.key, 'bad')
      equal(String(error.context.path).startsWith('items.1.when'), true)
    }
    await rejects(() => store.put(['good', 1], ['bad', undefined]), 'VALIDATION')
    equal(await store.keys(), [])
  })

  add(`keeps what ${values === 'json' ? 'JSON' : 'structured clone'} can hold of the rest`, async (store) => {
    if (values === 'json') {
      await store.put(['a', { left: undefined, zero: -0 }])
      equal(await store.driver.get('a'), { zero: 0 })
      return
    }
    const date = new Date(86_400_000)
    const bytes = new Uint8Array([1, 2, 3])
    await store.put(['a', { date, bytes, list: [undefined, NaN, Infinity], left: undefined }])
    date.setTime(0)
    bytes.fill(0)
    const read = (await store.driver.get('a')) as { date: Date; bytes: Uint8Array; list: unknown[] }
    const check = (value: typeof read) => {
      equal(value.date.getTime(), 86_400_000)
      equal([...value.bytes], [1, 2, 3])
      equal(Object.is(value.list[1], NaN) && value.list[0] === undefined && value.list[2] === Infinity, true)
    }
    check(read)
    read.date.setTime(0)
    read.bytes.fill(0)
    check((await store.driver.get('a')) as typeof read)
  })
}
