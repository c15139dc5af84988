import { SystemError } from '../../core/system-error.js'
import { SqlStorage } from '../sql/sql-storage.js'
import type { StorageDriver } from '../storage-driver.js'
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

class PostgresStorage extends SqlStorage {
  readonly name = 'postgres'
  readonly isDurable = true
  readonly #target: PostgresTarget
  #records: Promise<PostgresRecords> | undefined

  constructor(options: PostgresTarget & PostgresStorageOptions) {
    super(options.maxPendingCommits)
    this.#target = options
  }

  protected async use<T>(action: (records: PostgresRecords) => T | Promise<T>): Promise<T> {
    return action(await this.#open())
  }

  protected async release(): Promise<void> {
    const records = await this.#records?.catch(() => undefined)
    await records?.close()
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
