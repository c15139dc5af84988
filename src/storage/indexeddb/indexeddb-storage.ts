import { unwrap } from 'idb'
import { type Clock, systemClock } from '../../core/clock.js'
import { type Duration, toMs } from '../../core/duration.js'
import { freezePlainData } from '../../core/plain-data.js'
import type { SystemError } from '../../core/system-error.js'
import { type CheckedCommit, checkKey, checkOperations, checkScan, closedError } from '../check-operations.js'
import { foldCommits } from '../fold-commits.js'
import { GroupCommit } from '../group-commit.js'
import { type KeyRange, prefixEnd, scanRange } from '../key-range.js'
import { scheduleTask } from '../schedule-task.js'
import type { ScanOptions, StorageDriver, StorageOperation, StorageRecord } from '../storage-driver.js'
import { IndexedDbConnection, type RecordDatabase, STORE } from './indexeddb-connection.js'

export interface IndexedDbStorageOptions {
  /** The database. One per application; all tabs of an origin that name it share it. */
  readonly name: string
  /**
   * When a commit counts as durable. `strict`: when it is on the disk; `relaxed`: when the operating system has it,
   * somewhat faster, and a loss of power may take the last commits. @default 'strict'
   */
  readonly durability?: 'strict' | 'relaxed'
  /** How long opening may take while other tabs hold an older version, before it fails with `UNAVAILABLE`. @default '10s' */
  readonly openTimeout?: Duration
  /** Most commits that wait for the disk; one more is refused with `CAPACITY`. @default 10000 */
  readonly maxPendingCommits?: number
  /** For `openTimeout`. @default the host's clock */
  readonly clock?: Clock
}

/** What the browser says about keeping the data of this site. */
export interface PersistenceState {
  /** `false`: the browser may delete everything when space runs low or the site was not visited. `undefined`: it does not say. */
  readonly isPersistent: boolean | undefined
  /** An estimate, for the whole site. */
  readonly usedBytes?: number
  readonly quotaBytes?: number
}

export interface IndexedDbStorage extends StorageDriver {
  /**
   * Whether the browser promises to keep the data of this site.
   *
   * @param options With `request`, asks for that promise first; some browsers ask the user.
   */
  persisted(options?: { readonly request?: boolean }): Promise<PersistenceState>
}

const MAX_GROUP = 256

/** Records in IndexedDB. Commits made at the same time share a transaction; several tabs may use one database. */
export function indexedDbStorage(options: IndexedDbStorageOptions): IndexedDbStorage {
  return new IndexedDbDriver(options)
}

class IndexedDbDriver implements IndexedDbStorage {
  readonly name = 'indexeddb'
  readonly isDurable = true
  readonly #durability: 'strict' | 'relaxed'
  readonly #connection: IndexedDbConnection
  readonly #commits: GroupCommit<CheckedCommit<unknown>>
  #isClosed = false

  constructor(options: IndexedDbStorageOptions) {
    const { name, durability = 'strict', openTimeout = '10s', maxPendingCommits = 10_000, clock } = options
    this.#durability = durability
    this.#connection = new IndexedDbConnection(name, clock ?? systemClock, toMs(openTimeout))
    this.#commits = new GroupCommit({
      flush: (commits) => this.#connection.use('write', (database) => this.#apply(database, commits)),
      schedule: scheduleTask,
      maxGroup: MAX_GROUP,
      maxPending: maxPendingCommits,
    })
  }

  async get(key: string): Promise<unknown> {
    this.#checkOpen()
    checkKey(key)
    const record = await this.#connection.use('read', (database) => database.get(STORE, key))
    return record?.value
  }

  async scan(options: ScanOptions): Promise<readonly StorageRecord[]> {
    this.#checkOpen()
    const limit = checkScan(options)
    const range = scanRange(options)
    if (!range) return []
    return this.#connection.use('read', (database) =>
      options.reverse
        ? scanBackwards(database, range, limit)
        : database.getAll(STORE, keyRange(range), limit),
    )
  }

  async commit(operations: readonly StorageOperation[]): Promise<void> {
    this.#checkOpen()
    await this.#commits.add(checkOperations(operations, (value) => freezePlainData(value)))
  }

  async persisted({ request = false }: { readonly request?: boolean } = {}): Promise<PersistenceState> {
    const { storage } = (globalThis as { navigator?: Partial<Navigator> }).navigator ?? {}
    if (!storage) return { isPersistent: undefined }
    const isPersistent = request ? await storage.persist() : await storage.persisted()
    const { usage, quota } = await storage.estimate()
    return {
      isPersistent,
      ...(usage === undefined ? {} : { usedBytes: usage }),
      ...(quota === undefined ? {} : { quotaBytes: quota }),
    }
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    await this.#commits.settle()
    await this.#connection.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #checkOpen(): void {
    if (this.#isClosed) throw closedError('indexeddb')
  }

  /**
   * One transaction for the group. Nothing is awaited in it but its own requests, as it would end otherwise; and
   * nothing is acknowledged before it is complete: a full disk shows only then, requests succeed before it.
   */
  async #apply(
    database: RecordDatabase,
    commits: readonly CheckedCommit<unknown>[],
  ): Promise<readonly (SystemError | undefined)[]> {
    const transaction = database.transaction(STORE, 'readwrite', { durability: this.#durability })
    const { done, store } = transaction
    // It is awaited at the end; until then a failure must not count as unhandled.
    done.catch(() => undefined)
    const current = new Map<string, unknown>()
    try {
      const keys = new Set(commits.flatMap(({ expectations }) => expectations.map(({ key }) => key)))
      await Promise.all(Array.from(keys, async (key) => current.set(key, (await store.get(key))?.value)))
      const folded = foldCommits(
        commits,
        (key) => current.get(key),
        (value) => value,
      )
      // Without the promises that idb makes for each request: the end of the transaction tells all.
      const plain = unwrap(store)
      for (const prefix of folded.deletedPrefixes) {
        plain.delete(keyRange({ lower: prefix, upper: prefixEnd(prefix) }))
      }
      for (const [key, value] of folded.records) {
        if (value === undefined) plain.delete(key)
        else plain.put({ key, value })
      }
      await done
      return folded.outcomes
    } catch (error) {
      try {
        transaction.abort()
      } catch {
        // It has ended already.
      }
      throw error
    }
  }
}

/** `getAll` only goes forwards, and a cursor over records costs three times as much: one over keys finds the start. */
async function scanBackwards(
  database: RecordDatabase,
  range: KeyRange,
  limit: number,
): Promise<StorageRecord[]> {
  const { store } = database.transaction(STORE)
  let cursor = await store.openKeyCursor(keyRange(range), 'prev')
  if (cursor && limit > 1) cursor = await cursor.advance(limit - 1)
  const lower = cursor?.key ?? range.lower
  const records = await store.getAll(keyRange({ lower, upper: range.upper }))
  return records.reverse()
}

function keyRange({ lower, upper }: KeyRange): IDBKeyRange {
  return upper === undefined ? IDBKeyRange.lowerBound(lower) : IDBKeyRange.bound(lower, upper, false, true)
}
