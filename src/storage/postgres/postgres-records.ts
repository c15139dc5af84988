import { and, asc, desc, gte, lt, sql } from 'drizzle-orm'
import type { PgDatabase, PgQueryResultHKT } from 'drizzle-orm/pg-core'
import { isSystemError, SystemError } from '../../core/system-error.js'
import type { CheckedCommit } from '../check-operations.js'
import { foldCommits } from '../fold-commits.js'
import { type KeyRange, prefixEnd } from '../key-range.js'
import { checksumOf, decodeRecord } from '../sql/json-record.js'
import { AFTER_ALL_KEYS, decodeKey, encodeKey } from '../sql/sortable-key.js'
import type { StorageRecord } from '../storage-driver.js'
import { MIGRATIONS } from './migrations.js'
import { isSerializationFailure, postgresError } from './postgres-error.js'
import { migrations, records } from './schema.js'

export type Database = PgDatabase<PgQueryResultHKT>
type Row = typeof records.$inferSelect

/** What is held while tables are made; any number that no other application takes. */
const MIGRATION_LOCK = 7_283_961_450

/** How often a group is tried while transactions of other processes are in its way. */
const MAX_ATTEMPTS = 20

export interface PostgresConnections {
  /** Runs `action` on one connection, and gives that back whatever happens. */
  withConnection<T>(action: (database: Database) => Promise<T>): Promise<T>
  /** Releases the connections, where they are ours. */
  end(): Promise<void>
}

/** The records of one database: everything that is SQL. */
export class PostgresRecords {
  readonly #database: Database
  readonly #connections: PostgresConnections

  constructor(database: Database, connections: PostgresConnections) {
    this.#database = database
    this.#connections = connections
  }

  async get(key: string): Promise<unknown> {
    const [row] = await this.#reading((database) =>
      database
        .select()
        .from(records)
        .where(sql`${records.key} = ${encodeKey(key)}`),
    )
    return row && valueOf(row)
  }

  async scan(
    range: KeyRange,
    limit: number,
    isReverse: boolean,
    onDamaged?: (error: SystemError) => void,
  ): Promise<StorageRecord[]> {
    const found: StorageRecord[] = []
    let lower = encodeKey(range.lower)
    let upper = encodeEnd(range.upper)
    // More than once only where damaged records leave a page unfilled.
    for (;;) {
      const wanted = limit - found.length
      const rows = await this.#rows(lower, upper, wanted, isReverse)
      for (const row of rows) {
        try {
          found.push({ key: decodeKey(row.key), value: valueOf(row) })
        } catch (error) {
          if (!onDamaged || !isSystemError(error)) throw error
          onDamaged(error)
        }
      }
      const last = rows.at(-1)?.key
      if (last === undefined || rows.length < wanted || found.length === limit) return found
      if (isReverse) upper = last
      else lower = `${last}\u0001`
    }
  }

  /**
   * Applies a group in one serializable transaction, again as long as transactions of other processes get in its way.
   * Returns, per commit, why it was refused.
   */
  async apply(commits: readonly CheckedCommit<string>[]): Promise<readonly (SystemError | undefined)[]> {
    for (let attempt = 1; ; attempt++) {
      let isCommitting = false
      try {
        return await this.#connections.withConnection((database) =>
          database.transaction(
            async (transaction) => {
              const outcomes = await write(transaction, commits)
              isCommitting = true
              return outcomes
            },
            { isolationLevel: 'serializable' },
          ),
        )
      } catch (error) {
        if (!isSerializationFailure(error) || attempt === MAX_ATTEMPTS)
          throw postgresError(error, isCommitting)
      }
    }
  }

  /** @throws {SystemError} `VERSION_MISMATCH` when a newer Busline has changed the tables. */
  async migrate(): Promise<void> {
    try {
      await this.#connections.withConnection((database) => database.transaction(applyMigrations))
    } catch (error) {
      throw postgresError(error, false)
    }
  }

  close(): Promise<void> {
    return this.#connections.end()
  }

  #rows(lower: string, upper: string, limit: number, isReverse: boolean): Promise<Row[]> {
    return this.#reading((database) =>
      database
        .select()
        .from(records)
        .where(and(gte(records.key, lower), lt(records.key, upper)))
        .orderBy(isReverse ? desc(records.key) : asc(records.key))
        .limit(limit),
    )
  }

  async #reading<T>(query: (database: Database) => Promise<T>): Promise<T> {
    try {
      return await query(this.#database)
    } catch (error) {
      throw postgresError(error, false)
    }
  }
}

async function applyMigrations(transaction: Database): Promise<void> {
  await transaction.execute(sql`SELECT pg_advisory_xact_lock(${MIGRATION_LOCK}::bigint)`)
  await transaction.execute(
    sql`CREATE TABLE IF NOT EXISTS ${migrations} (id text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())`,
  )
  const applied = new Set((await transaction.select().from(migrations)).map(({ id }) => id))
  for (const { id, statements } of MIGRATIONS) {
    if (applied.delete(id)) continue
    for (const statement of statements) await transaction.execute(sql.raw(statement))
    await transaction.insert(migrations).values({ id })
  }
  if (applied.size > 0) throw newerError([...applied])
}

async function write(
  transaction: Database,
  commits: readonly CheckedCommit<string>[],
): Promise<readonly (SystemError | undefined)[]> {
  const rows = await expectedRows(transaction, commits)
  const read = (key: string) => {
    const row = rows.get(key)
    return row && valueOf(row)
  }
  const folded = foldCommits(commits, read, JSON.parse)
  for (const prefix of folded.deletedPrefixes) {
    const end = encodeEnd(prefixEnd(prefix))
    await transaction.delete(records).where(and(gte(records.key, encodeKey(prefix)), lt(records.key, end)))
  }
  const deleted: string[] = []
  const put: Row[] = []
  for (const [key, json] of folded.records) {
    if (json === undefined) deleted.push(encodeKey(key))
    else put.push({ key: encodeKey(key), json, checksum: checksumOf(key, json) })
  }
  if (deleted.length > 0) {
    await transaction.delete(records).where(sql`${records.key} = ANY(${sql.param(deleted)}::text[])`)
  }
  if (put.length > 0) {
    // In one order everywhere, so that two groups wait for each other's rows, and do not deadlock.
    put.sort((one, other) => (one.key < other.key ? -1 : 1))
    // One array per column: a statement of constant text, however many rows there are.
    await transaction.execute(sql`
      INSERT INTO ${records} (key, json, checksum)
      SELECT * FROM unnest(
        ${sql.param(put.map(({ key }) => key))}::text[],
        ${sql.param(put.map(({ json }) => json))}::text[],
        ${sql.param(put.map(({ checksum }) => checksum))}::integer[]
      )
      ON CONFLICT (key) DO UPDATE SET json = excluded.json, checksum = excluded.checksum
    `)
  }
  return folded.outcomes
}

/** The records that the group has expectations on, by key. */
async function expectedRows(
  transaction: Database,
  commits: readonly CheckedCommit<string>[],
): Promise<Map<string, Row>> {
  const keys = commits.flatMap(({ expectations }) => expectations.map(({ key }) => encodeKey(key)))
  if (keys.length === 0) return new Map()
  const rows = await transaction
    .select()
    .from(records)
    .where(sql`${records.key} = ANY(${sql.param([...new Set(keys)])}::text[])`)
  return new Map(rows.map((row) => [decodeKey(row.key), row]))
}

function valueOf({ key, json, checksum }: Row): unknown {
  return decodeRecord(decodeKey(key), json, checksum)
}

function encodeEnd(end: string | undefined): string {
  return end === undefined ? AFTER_ALL_KEYS : encodeKey(end)
}

function newerError(unknown: readonly string[]): SystemError {
  return new SystemError(
    'VERSION_MISMATCH',
    `The PostgreSQL tables were changed by a newer Busline (${unknown.join(', ')}): use that version`,
    { context: { migrations: unknown } },
  )
}
