import 'fake-indexeddb/auto'
import { deleteDB, openDB } from 'idb'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { isSystemError, type SystemError } from 'busline'
import { simulatedClock, storageConformance } from '../../src/testing/index.js'
import { indexedDbStorage } from '../../src/storage/indexeddb/index.js'
import type { StorageOperation } from '../../src/storage/storage-driver.js'
import { describeModel } from './storage-model.js'

let databases = 0
const newName = () => `busline-${++databases}`
const put = (key: string, value: unknown): StorageOperation => ({ type: 'put', key, value })
const faultOf = (promise: Promise<unknown>): Promise<SystemError> =>
  promise.then(
    () => Promise.reject(new Error('Expected a rejection')),
    (error: unknown) => (isSystemError(error) ? error : Promise.reject(error)),
  )

afterEach(() => {
  vi.restoreAllMocks()
  vi.unstubAllGlobals()
})

/** The transactions made from now on, and what each was given. */
function spyOnTransactions(
  onTransaction: (transaction: IDBTransaction, count: number) => void = () => undefined,
) {
  // eslint-disable-next-line @typescript-eslint/unbound-method -- applied to its database below
  const original = IDBDatabase.prototype.transaction
  const options: unknown[] = []
  vi.spyOn(IDBDatabase.prototype, 'transaction').mockImplementation(function (this: IDBDatabase, ...given) {
    const transaction = original.apply(this, given)
    options.push(given[2])
    onTransaction(transaction, options.length)
    return transaction
  })
  return options
}

describe('indexedDbStorage()', () => {
  const create = () => {
    const name = newName()
    return { open: () => indexedDbStorage({ name }), remove: () => deleteDB(name) }
  }
  for (const { title, run } of storageConformance('indexeddb', create, {
    isDurable: true,
    values: 'structured-clone',
  })) {
    it(title, run)
  }
  describeModel(create, { runs: 100, canReopen: true })

  it.each([undefined, 'strict', 'relaxed'] as const)(
    'asks for the durability it is given: %s',
    async (durability) => {
      await using storage = indexedDbStorage({ name: newName(), ...(durability && { durability }) })
      await storage.get('opened')
      const options = spyOnTransactions()
      await storage.commit([put('a', 1)])
      expect(options).toEqual([{ durability: durability ?? 'strict' }])
    },
  )

  it('writes commits made at the same time in one transaction, and acknowledges none before it is complete', async () => {
    const trace: string[] = []
    await using storage = indexedDbStorage({ name: newName() })
    await storage.get('opened')
    const options = spyOnTransactions((transaction) =>
      transaction.addEventListener('complete', () => trace.push('complete')),
    )
    const commits = Array.from({ length: 50 }, (_, index) =>
      storage.commit([put(`k${index}`, index)]).then(() => trace.push('acknowledged')),
    )
    await Promise.all(commits)
    expect(options).toHaveLength(1)
    expect(trace).toEqual(['complete', ...commits.map(() => 'acknowledged')])
  })

  it('refuses with CAPACITY what exceeds the bound on pending commits', async () => {
    await using storage = indexedDbStorage({ name: newName(), maxPendingCommits: 2 })
    const commits = [1, 2, 3].map((value) => storage.commit([put('a', value)]))
    expect(await faultOf(commits[2]!)).toMatchObject({ code: 'CAPACITY' })
    await Promise.all(commits.slice(0, 2))
    expect(await storage.get('a')).toBe(2)
  })
})

describe('a quota that is used up', () => {
  it('fails the commit although every request succeeded, keeps what was there, and goes on when there is space', async () => {
    await using storage = indexedDbStorage({ name: newName() })
    await storage.commit([put('a', 1)])
    spyOnTransactions((transaction) => {
      // As browsers do it: the requests succeed, the transaction is aborted with this error.
      const fake = transaction as unknown as { _abort(name: string): void }
      setImmediate(() => fake._abort('QuotaExceededError'))
    })
    const error = await faultOf(storage.commit([put('a', 2), put('b', 2)]))
    expect(error).toMatchObject({ code: 'STORAGE', context: { reason: 'full', isOutcomeUnknown: false } })
    expect(error.cause).toMatchObject({ name: 'QuotaExceededError' })
    vi.restoreAllMocks()
    expect(await storage.scan({ prefix: '' })).toEqual([{ key: 'a', value: 1 }])
    await storage.commit([put('b', 3)])
    expect(await storage.get('b')).toBe(3)
  })
})

describe('a connection that the browser closes', () => {
  it('is opened again for the next call', async () => {
    await using storage = indexedDbStorage({ name: newName() })
    let connection: IDBDatabase | undefined
    spyOnTransactions((transaction) => (connection = transaction.db))
    await storage.commit([put('a', 1)])
    connection?.close()
    await storage.commit([put('b', 2)])
    connection?.close()
    expect(await storage.get('a')).toBe(1)
    connection?.close()
    expect(await storage.scan({ prefix: '', reverse: true })).toHaveLength(2)
  })

  it('is opened again when it closes in the middle of a commit, which is then applied once', async () => {
    await using storage = indexedDbStorage({ name: newName() })
    await storage.commit([put('count', { value: 0 })])
    const options = spyOnTransactions((transaction, count) => {
      if (count === 1) setImmediate(() => transaction.abort())
    })
    await storage.commit([
      { type: 'expect', key: 'count', field: 'value', equals: 0 },
      put('count', { value: 1 }),
    ])
    expect(options).toHaveLength(2)
    expect(await storage.get('count')).toEqual({ value: 1 })
  })

  it('fails with STORAGE when it closes the second time too', async () => {
    await using storage = indexedDbStorage({ name: newName() })
    await storage.commit([put('a', 1)])
    const options = spyOnTransactions((transaction) => setImmediate(() => transaction.abort()))
    expect(await faultOf(storage.commit([put('a', 2)]))).toMatchObject({
      code: 'STORAGE',
      context: { isOutcomeUnknown: false },
    })
    expect(options).toHaveLength(2)
    vi.restoreAllMocks()
    expect(await storage.get('a')).toBe(1)
  })
})

describe('a browser that loses its database server', () => {
  /** What Safari throws, the first time or every time. */
  const loseServer = (times: number) => {
    const options = spyOnTransactions((_transaction, count) => {
      if (count <= times) throw new DOMException('Connection to Indexed Database server lost', 'UnknownError')
    })
    return options
  }

  it('is asked again for a read', async () => {
    await using storage = indexedDbStorage({ name: newName() })
    await storage.commit([put('a', 1)])
    const options = loseServer(1)
    expect(await storage.get('a')).toBe(1)
    expect(options).toHaveLength(2)
  })

  it('is not asked again for a commit, whose outcome is unknown', async () => {
    await using storage = indexedDbStorage({ name: newName() })
    await storage.commit([put('a', 1)])
    loseServer(1)
    expect(await faultOf(storage.commit([put('a', 2)]))).toMatchObject({
      code: 'STORAGE',
      context: { reason: 'engine', isOutcomeUnknown: true },
    })
    expect(await storage.get('a')).toBe(1)
  })
})

describe('several versions and tabs', () => {
  it('gives way to a tab with a newer version, and says so afterwards', async () => {
    const name = newName()
    await using storage = indexedDbStorage({ name })
    await storage.commit([put('a', 1)])
    const newer = await openDB(name, 2)
    expect(await faultOf(storage.get('a'))).toMatchObject({
      code: 'VERSION_MISMATCH',
      context: { database: name },
    })
    newer.close()
  })

  it('never takes a database that was deleted in use for an empty one', async () => {
    const name = newName()
    await using storage = indexedDbStorage({ name })
    await storage.commit([put('a', 1)])
    await deleteDB(name)
    for (let call = 0; call < 2; call++) {
      expect(await faultOf(storage.get('a'))).toMatchObject({ code: 'STORAGE', context: { reason: 'lost' } })
    }
    await using afresh = indexedDbStorage({ name })
    expect(await afresh.get('a')).toBeUndefined()
  })

  it('takes one that was deleted for lost also where it came back too late to be used', async () => {
    const name = newName()
    const clock = simulatedClock()
    await using storage = indexedDbStorage({ name, clock, openTimeout: '3s' })
    await storage.commit([put('a', 1)])
    const inTheWay = await openDB(name, 1)
    let deletion: Promise<void> | undefined
    // By then the storage has closed its own connection.
    await new Promise<void>((resolve) => {
      deletion = deleteDB(name, { blocked: () => resolve() })
    })
    const opening = faultOf(storage.get('a'))
    await clock.advance('3s')
    expect(await opening).toMatchObject({ code: 'UNAVAILABLE', context: { reason: 'timeout' } })
    inTheWay.close()
    await deletion
    for (let call = 0; call < 2; call++) {
      expect(await faultOf(storage.get('a'))).toMatchObject({ code: 'STORAGE', context: { reason: 'lost' } })
    }
  })

  it('waits for other tabs no longer than `openTimeout`, and does not stand in their way later', async () => {
    const name = newName()
    const clock = simulatedClock()
    const inTheWay = await openDB(name, 1)
    const deletion = deleteDB(name)
    const storage = indexedDbStorage({ name, clock, openTimeout: '3s' })
    const opening = faultOf(storage.get('a'))
    await clock.advance('3s')
    expect(await opening).toMatchObject({
      code: 'UNAVAILABLE',
      context: { database: name, reason: 'timeout' },
    })
    inTheWay.close()
    await deletion
    // The late connection is closed: otherwise this would wait for ever.
    await deleteDB(name)
    await storage.commit([put('a', 1)])
    expect(await storage.get('a')).toBe(1)
    expect(clock.pendingTimers).toBe(0)
    await storage.close()
  })
})

describe('a browser that stores nothing', () => {
  it('is told at the first call, with what to do', async () => {
    vi.stubGlobal('indexedDB', undefined)
    const error = await faultOf(indexedDbStorage({ name: newName() }).get('a'))
    expect(error.code).toBe('UNAVAILABLE')
    expect(error.message).toContain('use memoryStorage()')
  })

  it('is told when opening throws, as in a sandboxed frame', async () => {
    vi.stubGlobal('indexedDB', {
      open() {
        throw new DOMException('denied', 'SecurityError')
      },
    })
    const storage = indexedDbStorage({ name: newName() })
    expect(await faultOf(storage.get('a'))).toMatchObject({
      code: 'UNAVAILABLE',
      cause: { name: 'SecurityError' },
    })
    await storage.close()
  })
})

describe('persisted()', () => {
  const stubStorage = (isPersistent: boolean) => {
    const storage = {
      persisted: () => Promise.resolve(isPersistent),
      persist: () => Promise.resolve((isPersistent = true)),
      estimate: () => Promise.resolve({ usage: 10, quota: 100 }),
    }
    vi.stubGlobal('navigator', { storage })
  }

  it('says whether the browser may delete the data, and asks for the promise not to', async () => {
    stubStorage(false)
    await using storage = indexedDbStorage({ name: newName() })
    expect(await storage.persisted()).toEqual({ isPersistent: false, usedBytes: 10, quotaBytes: 100 })
    expect(await storage.persisted({ request: true })).toMatchObject({ isPersistent: true })
  })

  it('says that it does not know where the browser does not say', async () => {
    vi.stubGlobal('navigator', {})
    await using storage = indexedDbStorage({ name: newName() })
    expect(await storage.persisted()).toEqual({ isPersistent: undefined })
  })
})
