import { setImmediate as scheduleImmediate } from 'node:timers'
import { SystemError } from '../../core/system-error.js'
import { type CheckedCommit, checkKey, checkOperations, checkScan, closedError } from '../check-operations.js'
import { encodeJson } from '../encode-json.js'
import { GroupCommit } from '../group-commit.js'
import { scanRange } from '../key-range.js'
import type { ScanOptions, StorageDriver, StorageOperation, StorageRecord } from '../storage-driver.js'
import type { PostgresRecords } from './postgres-records.js'

/** Which database to use. */
export type PostgresTarget =
  /** As `pg` takes it: `postgresql://user:password@host:5432/database`. */
  | { readonly connectionString: string }
  /** A `Pool` of `pg`, or a PGlite; the caller ends it. */
  | { readonly client: object }

export interface PostgresStorageOptions {
  /** Most commits that wait for the server; one more is refused with `CAPACITY`. @default 10000 */
  readonly maxPendingCommits?: number
}

const MAX_GROUP = 256

/**
 * Records in a PostgreSQL database, which many processes share. Commits made at the same time share a transaction;
 * those of different processes are isolated by the server (`SERIALIZABLE`).
 *
 * The first call connects and makes the tables; one that fails is tried again by the next call. Needs the packages
 * `drizzle-orm` and `pg`.
 */
export function postgresStorage(options: PostgresTarget & PostgresStorageOptions): StorageDriver {
  return new PostgresStorage(options)
}

class PostgresStorage implements StorageDriver {
  readonly name = 'postgres'
  readonly isDurable = true
  readonly #target: PostgresTarget
  readonly #commits: GroupCommit<CheckedCommit<string>>
  #records: Promise<PostgresRecords> | undefined
  #isClosed = false

  constructor(options: PostgresTarget & PostgresStorageOptions) {
    this.#target = options
    this.#commits = new GroupCommit({
      flush: async (commits) => (await this.#open()).apply(commits),
      schedule: scheduleImmediate,
      maxGroup: MAX_GROUP,
      maxPending: options.maxPendingCommits ?? 10_000,
    })
  }

  async get(key: string): Promise<unknown> {
    this.#checkOpen()
    checkKey(key)
    return (await this.#open()).get(key)
  }

  async scan(options: ScanOptions): Promise<readonly StorageRecord[]> {
    this.#checkOpen()
    const limit = checkScan(options)
    const range = scanRange(options)
    if (!range) return []
    return (await this.#open()).scan(range, limit, options.reverse ?? false, options.onDamaged)
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
    await records?.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #checkOpen(): void {
    if (this.#isClosed) throw closedError('postgres')
  }

  #open(): Promise<PostgresRecords> {
    return (this.#records ??= this.#connect().catch((error: unknown) => {
      this.#records = undefined
      throw error
    }))
  }

  async #connect(): Promise<PostgresRecords> {
    const { openPostgres } = await import('./open-postgres.js').catch((error: unknown) => {
      throw new SystemError(
        'UNAVAILABLE',
        'Cannot open PostgreSQL storage: install the packages drizzle-orm and pg',
        {
          cause: error,
        },
      )
    })
    return openPostgres(this.#target)
  }
}
