import 'fake-indexeddb/auto'
import { randomBytes, randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type StorageDriver, memoryStorage } from 'busline'
import { derivedRunKeys, encryptedStorage } from '../../../src/storage/encryption/index.js'
import { indexedDbStorage } from '../../../src/storage/indexeddb/index.js'
import { sqliteStorage } from '../../../src/storage/sqlite/index.js'

/** A new store, and what removes it. */
export interface OpenedStore {
  readonly store: StorageDriver
  readonly remove: () => Promise<void>
}

/** How many calls in a row come by the same connection: enough for what one keeps to itself, and fewer than that. */
const BLOCKS = [30, 1, 2, 40, 5]

/** One store, asked by several connections in turn, as processes do that share it. */
function byTurns(connections: readonly StorageDriver[]): StorageDriver {
  let block = 0
  let calls = 0
  const next = () => {
    if (++calls > BLOCKS[block % BLOCKS.length]!) {
      block++
      calls = 1
    }
    return connections[block % connections.length]!
  }
  const close = async () => {
    for (const each of connections) await each.close()
  }
  return {
    name: connections[0]!.name,
    isDurable: true,
    get: (key) => next().get(key),
    scan: (options) => next().scan(options),
    commit: (operations) => next().commit(operations),
    close,
    [Symbol.asyncDispose]: close,
  }
}

/** What is loaded on demand is loaded before the clock is asked. */
async function opened(store: StorageDriver, remove?: () => void): Promise<OpenedStore> {
  await store.get('nothing')
  return { store, remove: () => store.close().then(remove) }
}

export function inMemory(): Promise<OpenedStore> {
  return opened(memoryStorage())
}

export async function onSqlite(): Promise<OpenedStore> {
  const folder = mkdtempSync(join(tmpdir(), 'busline-fleet-'))
  const file = join(folder, 'runs.db')
  const connections = Array.from({ length: 3 }, () => sqliteStorage({ file, synchronous: 'NORMAL' }))
  for (const each of connections) await each.get('nothing')
  return opened(byTurns(connections), () => rmSync(folder, { recursive: true, force: true }))
}

/** Not by its name: with that the runtime takes Web Locks, where Node has them, and no simulated clock waits for those. */
export function onIndexedDb(): Promise<OpenedStore> {
  const name = `fleet-${randomUUID()}`
  const storage = indexedDbStorage({ name })
  const store: StorageDriver = {
    name: 'indexeddb without locks',
    isDurable: true,
    get: (key) => storage.get(key),
    scan: (options) => storage.scan(options),
    commit: (operations) => storage.commit(operations),
    close: () => storage.close(),
    [Symbol.asyncDispose]: () => storage.close(),
  }
  return opened(store, () => void indexedDB.deleteDatabase(name))
}

export async function encrypted(): Promise<OpenedStore> {
  const keys = derivedRunKeys([{ id: 'a', secret: randomBytes(32) }])
  const { store, remove } = await onSqlite()
  return { store: encryptedStorage(store, { keys }), remove }
}
