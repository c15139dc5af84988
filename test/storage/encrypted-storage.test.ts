import 'fake-indexeddb/auto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isSystemError, memoryStorage, type SystemError } from 'busline'
import { derivedRunKeys, encryptedStorage, type RunKeys } from '../../src/storage/encryption/index.js'
import { runOfKey } from '../../src/storage/encryption/run-of-key.js'
import { indexedDbStorage } from '../../src/storage/indexeddb/index.js'
import { sqliteStorage } from '../../src/storage/sqlite/index.js'
import type { StorageDriver, StorageOperation } from '../../src/storage/storage-driver.js'
import { faultInjecting, sequentialIds, storageConformance } from '../../src/testing/index.js'
import { type Place, countCalls, deaths, strike, survive } from '../runtime/durable/crash-points.js'
import { createWorld, live } from '../runtime/durable/crash-scenario.js'
import { describeModel } from './storage-model.js'
import { trackCalls } from './track-calls.js'

const secret = (fill: number) => new Uint8Array(32).fill(fill)
const keys = derivedRunKeys([{ id: '2026', secret: secret(1) }])
const put = (key: string, value: unknown): StorageOperation => ({ type: 'put', key, value })
const faultOf = (promise: Promise<unknown>): Promise<SystemError> =>
  promise.then(
    () => Promise.reject(new Error('Expected a rejection')),
    (error: unknown) => (isSystemError(error) ? error : Promise.reject(error)),
  )

let folder = ''
let files = 0
beforeAll(() => (folder = mkdtempSync(join(tmpdir(), 'busline-encrypted-'))))
afterAll(() => rmSync(folder, { recursive: true }))
const newFile = () => join(folder, `${++files}.db`)

const stores: Record<string, { isDurable: boolean; create: () => { open: () => StorageDriver } }> = {
  memory: { isDurable: false, create: () => ({ open: memoryStorage }) },
  sqlite: {
    isDurable: true,
    create: () => {
      const file = newFile()
      return { open: () => sqliteStorage({ file }) }
    },
  },
  indexeddb: {
    isDurable: true,
    create: () => {
      const name = `encrypted-${++files}`
      return { open: () => indexedDbStorage({ name }) }
    },
  },
}

describe.each(Object.entries(stores))('encryptedStorage() on %s', (name, { isDurable, create }) => {
  const encrypted = () => {
    const { open } = create()
    return { open: () => encryptedStorage(open(), { keys }) }
  }
  for (const { title, run } of storageConformance(name, encrypted, { isDurable, values: 'json' }))
    it(title, run)
  describeModel(encrypted, { runs: 20, canReopen: isDurable })
})

describe('what encryptedStorage() leaves in a file', () => {
  it('holds the keys of records, and nothing of their values', async () => {
    const file = newFile()
    const storage = encryptedStorage(sqliteStorage({ file }), { keys })
    await storage.commit([put('run/orders/r1', { iban: 'DE02120300000000202051', name: 'Ada Lovelace' })])
    expect(await storage.get('run/orders/r1')).toEqual({
      iban: 'DE02120300000000202051',
      name: 'Ada Lovelace',
    })
    await storage.close()
    const bytes = readFileSync(file)
    expect(bytes.includes('run/orders/r1')).toBe(true)
    for (const text of ['DE0212', 'iban', 'Ada', 'Lovelace']) expect(bytes.includes(text)).toBe(false)
  })

  it('is different each time the same value is written', async () => {
    const store = memoryStorage()
    const storage = encryptedStorage(store, { keys })
    const seen = new Set<string>()
    for (let round = 0; round < 50; round++) {
      await storage.commit([put('run/orders/r1', { total: 1 })])
      const { iv, data } = (await store.get('run/orders/r1')) as { iv: string; data: string }
      seen.add(iv).add(data)
    }
    expect(seen.size).toBe(100)
  })
})

describe('a record that was tampered with', () => {
  interface Stored {
    readonly keyId: string
    readonly iv: string
    readonly data: string
  }

  async function filled() {
    const store = memoryStorage()
    const storage = encryptedStorage(store, { keys })
    await storage.commit(['r1', 'r2', 'r3', 'r4'].map((run) => put(`run/orders/${run}`, { run, epoch: 1 })))
    const stored = async (key: string) => (await store.get(key)) as Stored
    return { store, storage, stored }
  }

  /** Another character than the one that is there. */
  const flip = (text: string, at: number) =>
    text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1)

  it('is refused naming record and run, whichever part of it was changed; the others are read', async () => {
    const { store, storage, stored } = await filled()
    const key = 'run/orders/r2'
    const intact = await stored(key)
    const changed: unknown[] = [
      ...Array.from({ length: 16 }, (_, at) => ({ ...intact, iv: flip(intact.iv, at) })),
      ...Array.from({ length: intact.data.length - 2 }, (_, at) => ({
        ...intact,
        data: flip(intact.data, at),
      })),
      { ...intact, data: intact.data.slice(0, -4) },
      { ...intact, data: '' },
      { ...intact, data: '%' },
      { ...intact, format: 2 },
      { run: 'r2', epoch: 1 },
      null,
    ]
    for (const value of changed) {
      await store.commit([put(key, value)])
      expect(await faultOf(storage.get(key))).toMatchObject({
        code: 'STORAGE',
        context: { key, runId: 'r2', reason: 'damaged' },
      })
    }
    const told: unknown[] = []
    const page = await storage.scan({
      prefix: 'run/',
      limit: 3,
      onDamaged: ({ context }) => told.push(context.key),
    })
    expect(page.map((record) => record.key)).toEqual(['r1', 'r3', 'r4'].map((run) => `run/orders/${run}`))
    expect(told).toEqual([key])
    expect(await faultOf(storage.scan({ prefix: 'run/' }))).toMatchObject({ context: { key } })
  })

  it('is refused when it was moved to another key, also one of the same run', async () => {
    const { store, storage, stored } = await filled()
    await store.commit([
      put('ended/orders/r1', await stored('run/orders/r1')),
      put('run/orders/r3', await stored('run/orders/r4')),
    ])
    for (const key of ['ended/orders/r1', 'run/orders/r3'])
      expect(await faultOf(storage.get(key))).toMatchObject({ context: { key, reason: 'damaged' } })
  })

  it('fails the commits that have a condition on it alone, and is repaired by writing it again', async () => {
    const { store, storage } = await filled()
    const key = 'run/orders/r2'
    await store.commit([put(key, { run: 'r2', epoch: 1 })])
    const conditional = (of: string) =>
      storage.commit([{ type: 'expect', key: of, field: 'epoch', equals: 1 }, put(`${of}/done`, 1)])
    const outcomes = await Promise.allSettled([conditional(key), conditional('run/orders/r3')])
    expect(outcomes).toMatchObject([
      { status: 'rejected', reason: { code: 'STORAGE', context: { key, reason: 'damaged' } } },
      { status: 'fulfilled' },
    ])
    expect(await storage.get(`${key}/done`)).toBeUndefined()
    await storage.commit([put(key, { repaired: true })])
    expect(await storage.get(key)).toEqual({ repaired: true })
  })
})

describe('the keys of encryptedStorage()', () => {
  it('decrypt what older master keys have encrypted, as long as they are given', async () => {
    const store = memoryStorage()
    const old = { id: 'old', secret: secret(1) }
    const fresh = { id: 'new', secret: secret(2) }
    const key = 'run/orders/r1'
    await encryptedStorage(store, { keys: derivedRunKeys([old]) }).commit([put(key, 1)])
    const rotated = encryptedStorage(store, { keys: derivedRunKeys([fresh, old]) })
    expect(await rotated.get(key)).toBe(1)
    const retired = encryptedStorage(store, { keys: derivedRunKeys([fresh]) })
    expect(await faultOf(retired.get(key))).toMatchObject({
      code: 'STORAGE',
      context: { key, runId: 'r1', keyId: 'old', reason: 'no-key' },
    })
    await rotated.commit([put(key, 2)])
    expect(await retired.get(key)).toBe(2)
    const wrong = encryptedStorage(store, { keys: derivedRunKeys([{ ...fresh, secret: secret(3) }]) })
    expect(await faultOf(wrong.get(key))).toMatchObject({ context: { reason: 'damaged' } })
  })

  it('are refused when there is none, an id comes twice, or a secret is short', () => {
    const error = (masters: Parameters<typeof derivedRunKeys>[0]) => () => derivedRunKeys(masters)
    expect(error([])).toThrow('at least one')
    expect(error([1, 2].map((fill) => ({ id: 'a', secret: secret(fill) })))).toThrow('an id of its own')
    expect(error([{ id: 'a', secret: new Uint8Array(16) }])).toThrow('has 16 bytes: use 32 or more')
  })

  /** A key store of an application: a random key per run, until it is deleted. */
  function keyStore() {
    const held = new Map<string, Promise<CryptoKey>>()
    const deleted = new Set<string>()
    let isReachable = true
    const generate = () =>
      crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt'])
    const find = async (runId = 'shared') => {
      if (!isReachable) throw new Error('The vault is sealed')
      if (deleted.has(runId)) return undefined
      if (!held.has(runId)) held.set(runId, generate())
      return held.get(runId)
    }
    const own: RunKeys = {
      async current(runId) {
        const key = await find(runId)
        return key && { id: 'v1', key }
      },
      find,
    }
    return {
      keys: own,
      shred: (runId: string) => (held.delete(runId), deleted.add(runId)),
      become: (reachable: boolean) => (isReachable = reachable),
      runs: () => [...held.keys()],
    }
  }

  it('may be deleted for one run, which makes all of it unreadable and nothing else', async () => {
    const vault = keyStore()
    const storage = encryptedStorage(memoryStorage(), { keys: vault.keys })
    const records = ['r1', 'r2'].flatMap((run) => [
      put(`run/orders/${run}`, { run }),
      put(`timeline/events/${run}/0000000001`, [{ run }]),
    ])
    await storage.commit([...records, put('owner/p1', { until: 1 })])
    expect(vault.runs().sort()).toEqual(['r1', 'r2', 'shared'])
    vault.shred('r1')
    const told: unknown[] = []
    const page = await storage.scan({ prefix: '', onDamaged: ({ context }) => told.push(context.reason) })
    expect(page.map(({ key }) => key)).toEqual(['owner/p1', 'run/orders/r2', 'timeline/events/r2/0000000001'])
    expect(told).toEqual(['no-key', 'no-key'])
    // Nor can anything be written for it, alone or in a group; it can be deleted.
    const outcomes = await Promise.allSettled([
      storage.commit([put('run/orders/r1', { run: 'r1' })]),
      storage.commit([put('run/orders/r2', { run: 'again' })]),
      storage.commit([{ type: 'delete', key: 'timeline/events/r1/0000000001' }]),
    ])
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled'])
  })

  it('that cannot be reached refuse nothing for good: the same call works when they are back', async () => {
    const vault = keyStore()
    const storage = encryptedStorage(memoryStorage(), { keys: vault.keys })
    await storage.commit([put('run/orders/r1', 1)])
    vault.become(false)
    const told: unknown[] = []
    const unreachable = { code: 'STORAGE', context: { reason: 'unreachable', isOutcomeUnknown: false } }
    expect(await faultOf(storage.get('run/orders/r1'))).toMatchObject(unreachable)
    expect(await faultOf(storage.scan({ prefix: '', onDamaged: (error) => told.push(error) }))).toMatchObject(
      unreachable,
    )
    expect(await faultOf(storage.commit([put('run/orders/r1', 2)]))).toMatchObject(unreachable)
    expect(told).toEqual([])
    vault.become(true)
    await storage.commit([put('run/orders/r1', 2)])
    expect(await storage.get('run/orders/r1')).toBe(2)
  })

  it('are those of the run in every record that a runtime writes', async () => {
    const store = memoryStorage()
    const kinds = new Map<string, Set<string | undefined>>()
    const runs = new Set<string>()
    const storage: StorageDriver = {
      ...faultInjecting(store, { isDurable: true }),
      isDurable: true,
      name: 'watched',
      get: (key) => store.get(key),
      scan: (options) => store.scan(options),
      commit(operations) {
        for (const each of operations) {
          if (each.type !== 'put') continue
          const kind = each.key
            .split('/')
            .slice(0, each.key.startsWith('timeline/') ? 2 : 1)
            .join('/')
          kinds.set(kind, (kinds.get(kind) ?? new Set()).add(runOfKey(each.key)))
          // Also of an event that waited for a run and came to nothing.
          const { runId } = each.value as { runId?: string }
          if (runId !== undefined) runs.add(runId)
        }
        return store.commit(operations)
      },
      close: () => store.close(),
      [Symbol.asyncDispose]: () => store.close(),
    }
    await live({ storage, world: createWorld(sequentialIds()) })
    expect(runs.size).toBeGreaterThan(5)
    const shared = [...kinds].filter(([, ids]) => ids.has(undefined)).map(([kind]) => kind)
    expect(shared.sort()).toEqual(['accepted', 'owner'])
    for (const [kind, ids] of kinds) {
      if (shared.includes(kind)) continue
      expect([...ids].filter((id) => !runs.has(id!)).map((id) => `${kind}: ${id}`)).toEqual([])
    }
  })

  it('find a run whose id timelines have to escape', () => {
    expect(runOfKey('timeline/run/a%0025b')).toBe('a%b')
    expect(runOfKey('run/orders/a%b')).toBe('a%b')
  })
})

describe('commits of encryptedStorage() that other processes are in the way of', () => {
  it('are judged again by what is there now', async () => {
    const store = memoryStorage()
    const [one, other] = [1, 2].map(() => encryptedStorage(store, { keys }))
    await one!.commit([put('claim/r1', { epoch: 0 })])
    let wins = 0
    for (let epoch = 0; epoch < 20; epoch++) {
      const outcomes = await Promise.allSettled(
        [one!, other!].flatMap((storage, owner) => [
          storage.commit([
            { type: 'expect', key: 'claim/r1', field: 'epoch', equals: epoch },
            put('claim/r1', { epoch: epoch + 1, owner }),
          ]),
          // Shares the transaction, and must not pay for the one that was too late.
          storage.commit([put(`note/${owner}/${epoch}`, epoch)]),
        ]),
      )
      wins += outcomes.filter(({ status }, index) => index % 2 === 0 && status === 'fulfilled').length
      expect(outcomes.filter(({ status }, index) => index % 2 === 1 && status === 'rejected')).toEqual([])
    }
    expect(wins).toBe(20)
    expect(await one!.scan({ prefix: 'note/' })).toHaveLength(40)
  })

  it('give up with STORAGE when it happens without end', async () => {
    const store = memoryStorage()
    const restless: StorageDriver = {
      ...store,
      get: async (key) => {
        const value = await store.get(key)
        await encryptedStorage(store, { keys }).commit([put(key, { epoch: 1 })])
        return value
      },
    }
    const storage = encryptedStorage(restless, { keys })
    const commit = storage.commit([
      { type: 'expect', key: 'claim/r1', field: 'epoch', equals: 1 },
      put('a', 1),
    ])
    expect(await faultOf(commit)).toMatchObject({
      code: 'STORAGE',
      context: { reason: 'busy', isOutcomeUnknown: false },
    })
  })
})

describe('runs on encryptedStorage()', () => {
  /** One store in memory, which each process opens anew. */
  function encryptedPlace(store = memoryStorage()): Place {
    let settle: ReturnType<typeof trackCalls>['settle'] = () => Promise.resolve()
    return {
      open() {
        const tracked = trackCalls(encryptedStorage(store, { keys }))
        settle = tracked.settle
        return tracked.storage
      },
      close: () => Promise.resolve(),
      settle: (clock) => settle(clock),
    }
  }

  it('go on when the process dies at a storage operation, and nothing of them is in the clear', async () => {
    const total = await countCalls([], encryptedPlace())
    const broken: string[] = []
    let survived = 0
    for (const [offset, death] of deaths.entries()) {
      for (let at = 5 + 13 * offset; at < total - 2; at += 26) {
        const store = memoryStorage()
        const point = { name: `kill ${death.when} ${at}`, lives: [strike({ ...death, at })] }
        const found = await survive(point, encryptedPlace(store))
        if (found.length === 0) survived++
        broken.push(...found)
        for (const { value } of await store.scan({ prefix: '', limit: 10_000 }))
          expect(value).toMatchObject({ format: 1 })
      }
    }
    console.log(`crash enumeration, encrypted: ${survived} points survived`)
    expect(broken).toEqual([])
    expect(survived).toBeGreaterThan(8)
  }, 600_000)
})
