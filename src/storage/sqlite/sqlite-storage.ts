import { type Clock, systemClock } from '../../core/clock.js'
import { type Duration, toMs } from '../../core/duration.js'
import { SqlStorage } from '../sql/sql-storage.js'
import type { StorageDriver } from '../storage-driver.js'
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

class SqliteStorage extends SqlStorage {
  readonly name = 'sqlite'
  readonly isDurable: boolean
  readonly #options: SqliteTarget & SqliteStorageOptions
  readonly #file: string
  readonly #clock: Clock
  readonly #busyTimeoutMs: number
  #opening: Promise<SqliteRecords> | undefined
  #records: SqliteRecords | undefined

  constructor(options: SqliteTarget & SqliteStorageOptions) {
    const { clock = systemClock, busyTimeout = '5s', maxPendingCommits } = options
    super(maxPendingCommits)
    this.#options = options
    this.#file = 'file' in options ? options.file : fileOf(options.database)
    this.isDurable = this.#file !== ':memory:' && this.#file !== ''
    this.#clock = clock
    this.#busyTimeoutMs = toMs(busyTimeout)
  }

  /** At once where the file is open and nobody else holds its lock. */
  protected use<T>(action: (records: SqliteRecords) => T | Promise<T>): T | Promise<T> {
    if (!this.#records) return this.#useLater(action)
    try {
      return action(this.#records)
    } catch (error) {
      if (isBusy(error)) return this.#useLater(action, error)
      throw sqliteError(error, this.#file)
    }
  }

  protected async release(): Promise<void> {
    const records = await this.#opening?.catch(() => undefined)
    this.#opening = undefined
    this.#records = undefined
    if ('file' in this.#options) records?.close()
  }

  /**
   * Opens the file first, and tries again while another process holds a lock.
   *
   * @param busy The error of an attempt that met such a lock.
   */
  async #useLater<T>(action: (records: SqliteRecords) => T | Promise<T>, busy?: unknown): Promise<T> {
    const giveUpAt = this.#clock.now() + this.#busyTimeoutMs
    for (let held = busy; ;) {
      if (held !== undefined) {
        if (this.#clock.now() >= giveUpAt) throw sqliteError(held, this.#file)
        await new Promise<void>((resolve) => this.#clock.setTimeout(resolve, RETRY_MS))
      }
      try {
        this.#opening ??= this.#open()
        this.#records = await this.#opening
        return await action(this.#records)
      } catch (error) {
        if (!isBusy(error)) throw sqliteError(error, this.#file)
        held = error
      }
    }
  }

  async #open(): Promise<SqliteRecords> {
    let opened: SqliteDatabase | undefined
    try {
      const database =
        'file' in this.#options
          ? (opened = await openSqliteDatabase(this.#file, this.#options.engine && [this.#options.engine]))
          : this.#options.database
      const { synchronous } = this.#options
      return new SqliteRecords(database, this.#file, { synchronous, isOurs: opened !== undefined })
    } catch (error) {
      this.#opening = undefined
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
