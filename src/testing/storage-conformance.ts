import { isSystemError, type ErrorCode, type SystemError } from '../core/system-error.js'
import type { ScanOptions, StorageDriver, StorageOperation } from '../storage/storage-driver.js'

/** One backing store, and the way to open a driver on it. */
export interface StorageConformanceTarget {
  /** Opens a driver. Called again, it opens the same store once more, as a second process or one after a restart would. */
  open(): StorageDriver | Promise<StorageDriver>
  /** Removes the backing store. Called once, after every driver was closed. */
  remove?(): void | Promise<void>
}

export interface StorageConformanceOptions {
  /** Whether what was committed is there when the store is opened again. */
  readonly isDurable: boolean
  /** What the values may be. */
  readonly values: 'json' | 'structured-clone'
}

/** One requirement. `run` rejects when it is not met. */
export interface StorageConformanceCase {
  readonly title: string
  readonly run: () => Promise<void>
}

/**
 * What every {@link StorageDriver} must do, as a list of cases for any test runner:
 *
 * ```ts
 * describe('my storage', () => {
 *   for (const { title, run } of storageConformance('mine', openTarget, { isDurable: true, values: 'json' })) test(title, run)
 * })
 * ```
 *
 * @param name What the driver must call itself.
 * @param create Makes a new, empty backing store; called once per case.
 */
export function storageConformance(
  name: string,
  create: () => StorageConformanceTarget | Promise<StorageConformanceTarget>,
  options: StorageConformanceOptions,
): StorageConformanceCase[] {
  const cases: StorageConformanceCase[] = []
  const add = (title: string, body: (store: OpenStore) => Promise<void>) => {
    cases.push({
      title,
      async run() {
        const store = await OpenStore.create(await create())
        try {
          await body(store)
        } finally {
          await store.dispose()
        }
      },
    })
  }
  addBasics(add, name, options)
  addScans(add)
  addCommits(add)
  addValues(add, options)
  addEndings(add, options)
  return cases
}

type AddCase = (title: string, body: (store: OpenStore) => Promise<void>) => void

class OpenStore {
  readonly #target: StorageConformanceTarget
  readonly #opened: StorageDriver[] = []
  driver!: StorageDriver

  private constructor(target: StorageConformanceTarget) {
    this.#target = target
  }

  static async create(target: StorageConformanceTarget): Promise<OpenStore> {
    const store = new OpenStore(target)
    store.driver = await store.openAnother()
    return store
  }

  async openAnother(): Promise<StorageDriver> {
    const driver = await this.#target.open()
    this.#opened.push(driver)
    return driver
  }

  async reopen(): Promise<void> {
    await this.driver.close()
    this.driver = await this.openAnother()
  }

  put(...entries: [key: string, value: unknown][]): Promise<void> {
    return this.driver.commit(entries.map(([key, value]) => put(key, value)))
  }

  async keys(options: ScanOptions = { prefix: '' }): Promise<string[]> {
    return (await this.driver.scan(options)).map(({ key }) => key)
  }

  async dispose(): Promise<void> {
    for (const driver of this.#opened) await driver.close()
    await this.#target.remove?.()
  }
}

function put(key: string, value: unknown): StorageOperation {
  return { type: 'put', key, value }
}

function expectField(key: string, field: string, equals: string | number | undefined): StorageOperation {
  return { type: 'expect', key, field, equals }
}

function addBasics(add: AddCase, name: string, { isDurable }: StorageConformanceOptions): void {
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

function addScans(add: AddCase): void {
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

function addCommits(add: AddCase): void {
  add('applies the operations of a commit in order', async (store) => {
    await store.put(['a/1', 0], ['a/2', 0])
    await store.driver.commit([
      put('a/3', 0),
      { type: 'deletePrefix', prefix: 'a/' },
      put('a/2', 'again'),
      put('b', 1),
      put('b', 2),
      { type: 'delete', key: 'b' },
      put('c', 1),
      { type: 'delete', key: 'c' },
      put('c', 2),
    ])
    equal(await store.driver.scan({ prefix: '' }), [
      { key: 'a/2', value: 'again' },
      { key: 'c', value: 2 },
    ])
  })

  add('resolves a commit without operations', async ({ driver }) => {
    await driver.commit([])
  })

  add('commits when the expectations hold, and judges them by the state before the commit', async (store) => {
    await store.put(['run', { epoch: 1, owner: 'a' }])
    await store.driver.commit([
      put('run', { epoch: 2, owner: 'b' }),
      expectField('run', 'epoch', 1),
      expectField('run', 'owner', 'a'),
      expectField('other', 'epoch', undefined),
      put('other', { epoch: 1 }),
    ])
    equal(await store.driver.get('run'), { epoch: 2, owner: 'b' })
    equal(await store.driver.get('other'), { epoch: 1 })
  })

  add('refuses the whole commit with CONFLICT when one expectation fails', async (store) => {
    await store.put(['run', { epoch: 1, text: '1', missing: null }], ['word', 'text'])
    const before = await store.driver.scan({ prefix: '' })
    const failing: StorageOperation[] = [
      expectField('run', 'epoch', 2),
      expectField('run', 'epoch', '1'),
      expectField('run', 'text', 1),
      expectField('run', 'epoch', undefined),
      expectField('run', 'nothing', undefined),
      expectField('run', 'missing', 'null'),
      expectField('run', 'toString', 'x'),
      expectField('none', 'epoch', 1),
      expectField('word', 'length', 4),
    ]
    for (const failed of failing) {
      const operations: StorageOperation[] = [put('new', 1), failed, { type: 'deletePrefix', prefix: '' }]
      const error = await rejects(() => store.driver.commit(operations), 'CONFLICT')
      equal(error.context.key, (failed as { key: string }).key)
    }
    equal(await store.driver.scan({ prefix: '' }), before)
  })

  add('lets exactly one of many concurrent commits with the same expectation through', async (store) => {
    await store.put(['run', { epoch: 0 }])
    for (let epoch = 0; epoch < 5; epoch++) {
      const attempts = Array.from({ length: 20 }, (_, index) =>
        store.driver.commit([
          expectField('run', 'epoch', epoch),
          put('run', { epoch: epoch + 1, winner: index }),
          put(`trace/${epoch}/${index}`, 0),
        ]),
      )
      const outcomes = await Promise.allSettled(attempts)
      const winners = outcomes.flatMap(({ status }, index) => (status === 'fulfilled' ? [index] : []))
      equal(winners.length, 1)
      equal(await store.driver.get('run'), { epoch: epoch + 1, winner: winners[0] })
      equal(await store.keys({ prefix: `trace/${epoch}/` }), [`trace/${epoch}/${winners[0]}`])
    }
  })

  add('does not let a commit that is refused touch those made at the same time', async (store) => {
    const outcomes = await Promise.allSettled(
      Array.from({ length: 60 }, (_, index) => {
        if (index % 3 === 1) return store.driver.commit([expectField('none', 'x', 1), put(`bad/${index}`, 0)])
        if (index % 3 === 2) return store.driver.commit([put(`bad/${index}`, 0), put('bad', () => 0)])
        return store.driver.commit([put(`good/${String(index).padStart(2, '0')}`, index)])
      }),
    )
    outcomes.forEach(({ status }, index) => equal(status, index % 3 === 0 ? 'fulfilled' : 'rejected'))
    equal((await store.keys()).length, 20)
    equal((await store.keys({ prefix: 'good/' })).length, 20)
  })

  add('applies commits made without waiting in the order they were made', async (store) => {
    const commits = Array.from({ length: 100 }, (_, index) =>
      store.put(['last', index], [`each/${index}`, index]),
    )
    await Promise.all(commits)
    equal(await store.driver.get('last'), 99)
    equal((await store.keys({ prefix: 'each/' })).length, 100)
  })

  add('shows a commit to every reader once it is acknowledged', async (store) => {
    for (let index = 0; index < 20; index++) {
      await store.put(['x', index])
      equal(await store.driver.get('x'), index)
      equal(await store.driver.scan({ prefix: 'x' }), [{ key: 'x', value: index }])
    }
  })
}

function addValues(add: AddCase, { values }: StorageConformanceOptions): void {
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

function addEndings(add: AddCase, { isDurable }: StorageConformanceOptions): void {
  add('finishes what was committed when it is closed, and refuses what comes later', async (store) => {
    const commits = Array.from({ length: 10 }, (_, index) => store.put([`k${index}`, index]))
    const closing = store.driver.close()
    await Promise.all(commits)
    await closing
    await store.driver.close()
    await store.driver[Symbol.asyncDispose]()
    await rejects(() => store.driver.get('k1'), 'UNAVAILABLE')
    await rejects(() => store.driver.scan({ prefix: '' }), 'UNAVAILABLE')
    await rejects(() => store.put(['k1', 1]), 'UNAVAILABLE')
  })

  if (!isDurable) return

  add('holds what was committed when it is opened again', async (store) => {
    await store.put(['a', { x: 1 }], ['b', 2], ['c', 3])
    await store.driver.commit([{ type: 'delete', key: 'b' }])
    await store.reopen()
    equal(await store.driver.scan({ prefix: '' }), [
      { key: 'a', value: { x: 1 } },
      { key: 'c', value: 3 },
    ])
  })

  add('shows what was committed to another driver on the same store', async (store) => {
    const other = await store.openAnother()
    await store.put(['a', 1])
    equal(await other.get('a'), 1)
    await other.commit([put('b', 2), { type: 'delete', key: 'a' }])
    equal(await store.driver.scan({ prefix: '' }), [{ key: 'b', value: 2 }])
  })

  add('lets exactly one of two drivers on the same store take each epoch', async (store) => {
    const drivers = [store.driver, await store.openAnother()]
    await store.put(['claim', { epoch: 0 }])
    let wins = 0
    for (let epoch = 0; epoch < 10; epoch++) {
      const attempts = drivers.flatMap((driver, owner) =>
        [0, 1, 2].map((attempt) =>
          driver.commit([
            expectField('claim', 'epoch', epoch),
            put('claim', { epoch: epoch + 1 }),
            expectField(`first/${epoch}`, 'owner', undefined),
            put(`first/${epoch}`, { owner, attempt }),
          ]),
        ),
      )
      const outcomes = await Promise.allSettled(attempts)
      for (const outcome of outcomes) {
        if (outcome.status === 'fulfilled') wins++
        else equal(isSystemError(outcome.reason) && outcome.reason.code, 'CONFLICT')
      }
    }
    equal(wins, 10)
    equal(await store.driver.get('claim'), { epoch: 10 })
  })
}

/** Deep equality by value; throws with both sides. Kept here so that no test runner is needed. */
function equal(actual: unknown, expected: unknown): void {
  if (isEqual(actual, expected)) return
  throw new Error(`Expected ${show(expected)}, got ${show(actual)}`)
}

function isEqual(one: unknown, other: unknown): boolean {
  if (Object.is(one, other)) return true
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return false
  if (Array.isArray(one) !== Array.isArray(other)) return false
  const keys = Object.keys(one)
  return (
    keys.length === Object.keys(other).length &&
    keys.every(
      (key) =>
        Object.hasOwn(other, key) &&
        isEqual((one as Record<string, unknown>)[key], (other as Record<string, unknown>)[key]),
    )
  )
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 500 ? `${text.slice(0, 500)}…` : text
}

async function rejects(action: () => Promise<unknown>, code: ErrorCode): Promise<SystemError> {
  let result: unknown
  try {
    result = await action()
  } catch (error) {
    if (isSystemError(error) && error.code === code) return error
    throw new Error(`Expected a SystemError with code ${code}`, { cause: error })
  }
  throw new Error(`Expected a rejection with code ${code}, got ${show(result)}`)
}
