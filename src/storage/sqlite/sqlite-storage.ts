import { setImmediate as scheduleImmediate } from 'node:timers'
import { type Clock, systemClock } from '../../core/clock.js'
import { type Duration, toMs } from '../../core/duration.js'
import { type CheckedCommit, checkKey, checkOperations, checkScan, closedError } from '../check-operations.js'
import { encodeJson } from '../encode-json.js'
import { GroupCommit } from '../group-commit.js'
import { scanRange } from '../key-range.js'
import type { ScanOptions, StorageDriver, StorageOperation, StorageRecord } from '../storage-driver.js'
import { openSqliteDatabase, type SqliteDatabase, type SqliteEngine } from './sqlite-database.js'
import { isBusy, sqliteError } from './sqlite-error.js'
import { SqliteRecords } from './sqlite-records.js'

export interface SqliteStorageOptions {
  /**
   * When a commit counts as durable. `FULL`: after an fsync, it survives the loss of power. `NORMAL`: when the system
   * has it, several times faster; it survives the end of the process however it ends, but a loss of power may take the
   * last commits (whole commits, the file stays intact). @default 'FULL'
   */
  readonly synchronous?: 'FULL' | 'NORMAL'
  /** How long to wait for the lock of another process before giving up with `STORAGE`. @default '5s' */
  readonly busyTimeout?: Duration
  /** Most commits that wait for the disk; one more is refused with `CAPACITY`. @default 10000 */
  readonly maxPendingCommits?: number
  /** For the waits between attempts at a lock. @default the host's clock */
  readonly clock?: Clock
}

/** Which database to use. */
export type SqliteTarget =
  /** A path, or `':memory:'`. The file and its folder are created. */
  | {
      readonly file: string
      /** The package that reads it. @default the first that is there: `node:sqlite`, `libsql`, `better-sqlite3` */
      readonly engine?: SqliteEngine
    }
  /** An open database of `better-sqlite3`, `libsql` or `node:sqlite`, for this storage alone; the caller closes it. */
  | { readonly database: SqliteDatabase }

/** Commits in one transaction: bounded so that one transaction does not hold up the thread for long. */
const MAX_GROUP = 256
const RETRY_MS = 5

/**
 * Records in an SQLite file. Commits made at the same time share a transaction, and with it the fsync; several
 * processes may use one file.
 *
 * The first call opens the file; an opening that fails is tried again by the next call.
 */
export function sqliteStorage(options: SqliteTarget & SqliteStorageOptions): StorageDriver {
  return new SqliteStorage(options)
}

class SqliteStorage implements StorageDriver {
  readonly name = 'sqlite'
  readonly isDurable: boolean
  readonly #options: SqliteTarget & SqliteStorageOptions
  readonly #file: string
  readonly #clock: Clock
  readonly #busyTimeoutMs: number
  readonly #commits: GroupCommit<CheckedCommit<string>>
  #records: Promise<SqliteRecords> | undefined
  #isClosed = false

  constructor(options: SqliteTarget & SqliteStorageOptions) {
    const { clock = systemClock, busyTimeout = '5s', maxPendingCommits = 10_000 } = options
    this.#options = options
    this.#file = 'file' in options ? options.file : fileOf(options.database)
    this.isDurable = this.#file !== ':memory:' && this.#file !== ''
    this.#clock = clock
    this.#busyTimeoutMs = toMs(busyTimeout)
    this.#commits = new GroupCommit({
      flush: (commits) => this.#use((records) => records.apply(commits)),
      // After the promises that the last group settled have run: who is about to commit again joins the next.
      schedule: scheduleImmediate,
      maxGroup: MAX_GROUP,
      maxPending: maxPendingCommits,
    })
  }

  async get(key: string): Promise<unknown> {
    this.#checkOpen()
    checkKey(key)
    return this.#use((records) => records.get(key))
  }

  async scan(options: ScanOptions): Promise<readonly StorageRecord[]> {
    this.#checkOpen()
    const limit = checkScan(options)
    const range = scanRange(options)
    if (!range) return []
    return this.#use((records) => records.scan(range, limit, options.reverse ?? false, options.onDamaged))
  }

  async commit(operations: readonly StorageOperation[]): Promise<void> {
    this.#checkOpen()
    await this.#commits.add(checkOperations(operations, encodeJson))
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    await this.#commits.settle()
    const records = await this.#records?.catch(() => undefined)
    this.#records = undefined
    if ('file' in this.#options) records?.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #checkOpen(): void {
    if (this.#isClosed) throw closedError('sqlite')
  }

  /** Runs `action` on the open database, again while another process holds a lock. */
  async #use<T>(action: (records: SqliteRecords) => T): Promise<T> {
    const giveUpAt = this.#clock.now() + this.#busyTimeoutMs
    for (;;) {
      try {
        this.#records ??= this.#open()
        return action(await this.#records)
      } catch (error) {
        if (!isBusy(error) || this.#clock.now() >= giveUpAt) throw sqliteError(error, this.#file)
      }
      await new Promise<void>((resolve) => this.#clock.setTimeout(resolve, RETRY_MS))
    }
  }

  async #open(): Promise<SqliteRecords> {
    let opened: SqliteDatabase | undefined
    try {
      const database =
        'file' in this.#options
          ? (opened = await openSqliteDatabase(this.#file, this.#options.engine && [this.#options.engine]))
          : this.#options.database
      return new SqliteRecords(database, this.#file, this.#options.synchronous ?? 'FULL')
    } catch (error) {
      this.#records = undefined
      opened?.close()
      throw error
    }
  }
}

/** The path of a database that is open; empty when it is in memory. */
function fileOf(database: SqliteDatabase): string {
  const rows = database.prepare('PRAGMA database_list').all() as { name: string; file: string | null }[]
  return rows.find(({ name }) => name === 'main')?.file ?? ''
}
