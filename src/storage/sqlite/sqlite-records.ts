import { isSystemError, SystemError } from '../../core/system-error.js'
import type { CheckedCommit } from '../check-operations.js'
import { type FoldedCommits, foldCommits } from '../fold-commits.js'
import type { GroupOutcomes } from '../group-commit.js'
import { type KeyRange, prefixEnd } from '../key-range.js'
import { checksumOf, damagedError, decodeRecord } from '../sql/json-record.js'
import { AFTER_ALL_KEYS, decodeKey, encodeKey } from '../sql/sortable-key.js'
import type { StorageRecord } from '../storage-driver.js'
import { assumedAbsent } from './assumed-absent.js'
import { type EngineTraits, findTraits } from './engine-traits.js'
import { KnownValues } from './known-values.js'
import { PreparedStatement } from './prepared-statement.js'
import type { SqliteDatabase } from './sqlite-database.js'
import { type Bytes, toBuffer, toBytes, toText } from './sqlite-bytes.js'
import { isBusy, sqliteCode, sqliteError } from './sqlite-error.js'

/** Of the tables; a higher one was made by a newer Busline. */
const FORMAT = 1

/**
 * So many pages, 16 MB, may be in the log before they are moved to the file. Most are written again and again, such as the ends
 * of indexes: with SQLite's own 1000 a run that goes alone pays twice as much for it.
 */
const LOG_PAGES = 4000

/** How long SQLite itself waits for a lock. Short, as it blocks the thread: longer waits are made of several. */
const BUSY_WAIT_MS = 20

/**
 * Everything is read through casts, text as bytes: in a damaged file anything may stand anywhere, and an engine may end
 * the process (libsql does) over text that is not UTF-8.
 */
const COLUMNS = 'CAST(json AS BLOB) AS json, CAST(checksum AS INTEGER) AS checksum'
const KEY = 'CAST(key AS BLOB) AS key'

interface Row {
  readonly json: Bytes
  readonly checksum: number
}

/** Fewer than so many are read one by one: the statement that reads many costs more than a read. */
const LEAST_TOGETHER = 16

type ScannedRow = { readonly key: Bytes } & Partial<Row>

export interface SqliteRecordsOptions {
  /** @default 'FULL' */
  readonly synchronous?: 'FULL' | 'NORMAL' | undefined
  /** Whether nobody else has this connection. */
  readonly isOurs: boolean
}

export type OnDamaged = ((error: SystemError) => void) | undefined

/**
 * The records of one database: everything that is SQL, all of it synchronous, so that nothing of this process can come
 * between the statements of a transaction.
 */
export class SqliteRecords {
  readonly #file: string
  readonly #database: SqliteDatabase
  readonly #traits: EngineTraits
  readonly #get: PreparedStatement
  readonly #getMany: PreparedStatement
  readonly #insert: PreparedStatement
  readonly #put: PreparedStatement
  readonly #delete: PreparedStatement
  readonly #deleteRange: PreparedStatement
  readonly #scans = new Map<string, PreparedStatement>()
  /** Only of a connection that nobody else has: what others write through the same one changes no `data_version`. */
  readonly #known: KnownValues | undefined

  constructor(
    database: SqliteDatabase,
    file: string,
    { synchronous = 'FULL', isOurs }: SqliteRecordsOptions,
  ) {
    this.#file = file
    this.#database = database
    this.#traits = findTraits(database, isOurs)
    database.exec(`PRAGMA busy_timeout = ${BUSY_WAIT_MS}`)
    database.exec('PRAGMA journal_mode = WAL')
    // The two of macOS: without them its fsync leaves the data in the drive's cache.
    database.exec(
      `PRAGMA synchronous = ${synchronous}; PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON`,
    )
    database.exec('PRAGMA cell_size_check = ON')
    if (isOurs) database.exec(`PRAGMA wal_autocheckpoint = ${LOG_PAGES}`)
    this.#createTables()
    this.#get = this.#prepare(`SELECT ${COLUMNS} FROM busline_records WHERE key = ?`)
    this.#getMany = this.#prepare(
      `SELECT ${KEY}, ${COLUMNS} FROM busline_records WHERE busline_records.key IN (SELECT value FROM json_each(?))`,
    )
    const insert = 'INSERT INTO busline_records (key, json, checksum) VALUES (?, ?, ?)'
    this.#insert = this.#prepare(insert)
    this.#put = this.#prepare(
      `${insert} ON CONFLICT (key) DO UPDATE SET json = excluded.json, checksum = excluded.checksum`,
    )
    this.#delete = this.#prepare('DELETE FROM busline_records WHERE key = ?')
    this.#deleteRange = this.#prepare('DELETE FROM busline_records WHERE key >= ? AND key < ?')
    const dataVersion = this.#prepare('PRAGMA data_version')
    this.#known = isOurs ? new KnownValues(() => dataVersion.value() as number) : undefined
  }

  get(key: string): unknown {
    return this.#read(key, encodeKey(key))
  }

  scan(range: KeyRange, limit: number, isReverse: boolean, onDamaged: OnDamaged): StorageRecord[] {
    const records: StorageRecord[] = []
    let lower: Uint8Array = Buffer.from(encodeKey(range.lower))
    let upper: Uint8Array = Buffer.from(encodeEnd(range.upper))
    // More than once only where damaged records leave a page unfilled.
    for (;;) {
      const wanted = limit - records.length
      const rows = this.#rows(lower, upper, wanted, isReverse)
      for (const row of rows) {
        try {
          records.push(this.#record(row))
        } catch (error) {
          if (!onDamaged || !isSystemError(error) || error.context.reason !== 'damaged') throw error
          onDamaged(error)
        }
      }
      const last = rows.at(-1)?.key
      if (last === undefined || rows.length < wanted || records.length === limit) return records
      // By its bytes, as a damaged key may have no text.
      if (isReverse) upper = toBuffer(last)
      else lower = Buffer.concat([toBuffer(last), Buffer.of(1)])
    }
  }

  /** Applies a group in one transaction. Returns, per commit, why it was refused; throws when the engine failed. */
  apply(commits: readonly CheckedCommit<string>[]): GroupOutcomes {
    return this.#apply(commits, assumedAbsent(commits))
  }

  /** @param absent Keys that are inserted, and so found to be absent. */
  #apply(commits: readonly CheckedCommit<string>[], absent: ReadonlySet<string>): GroupOutcomes {
    let isCommitting = false
    // Not prepared: one that meets a lock would stay in progress with libsql, and hold on to what reads see, until the next.
    this.#database.exec('BEGIN IMMEDIATE')
    try {
      this.#known?.begin()
      let inserted = absent
      let folded = this.#fold(commits, inserted)
      if (inserted.size > 0 && folded.outcomes.some((refusal) => refusal !== undefined)) {
        // Who is refused inserts nothing, so that it would not be found.
        inserted = NONE
        folded = this.#fold(commits, inserted)
      }
      const { outcomes, deletedPrefixes, records } = folded
      for (const prefix of deletedPrefixes) {
        this.#deleteRange.write([encodeKey(prefix), encodeEnd(prefixEnd(prefix))])
      }
      for (const [key, json] of records) {
        if (json === undefined) this.#delete.write([encodeKey(key)])
        else {
          const put = inserted.has(key) ? this.#insert : this.#put
          put.write([encodeKey(key), json, checksumOf(key, json)])
        }
      }
      isCommitting = true
      this.#database.exec('COMMIT')
      this.#known?.committed(commits, folded)
      return outcomes
    } catch (error) {
      this.#known?.clear()
      this.#rollBack()
      if (absent.size > 0 && sqliteCode(error) === 'CONSTRAINT') return this.#apply(commits, NONE)
      // Frames of a transaction whose last write or flush failed may be on the disk all the same.
      if (isCommitting) throw sqliteError(error, this.#file, !isBusy(error) && sqliteCode(error) !== 'FULL')
      if (commits.length === 1) throw error
      return commits.map((commit) => this.#applyAlone(commit))
    }
  }

  close(): void {
    try {
      // libsql keeps the connection until its statements are collected, so SQLite's own checkpoint may come too late.
      this.#database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
    } catch {
      // Another process is using the file, which is then read together with its log.
    }
    this.#database.close()
  }

  #prepare(sql: string): PreparedStatement {
    return new PreparedStatement(this.#database, sql, this.#traits)
  }

  /** After a group has failed: finds out which of its commits can be applied, such as all but the one that needs a damaged page. */
  #applyAlone(commit: CheckedCommit<string>): SystemError | undefined {
    try {
      return this.apply([commit])[0]
    } catch (error) {
      return sqliteError(error, this.#file)
    }
  }

  #rollBack(): void {
    try {
      this.#database.exec('ROLLBACK')
    } catch {
      // SQLite has rolled back by itself, as it does on a full disk.
    }
  }

  #fold(commits: readonly CheckedCommit<string>[], absent: ReadonlySet<string>): FoldedCommits<string> {
    const stored = this.#readExpected(commits, absent)
    const read = (key: string) => (absent.has(key) ? undefined : this.#current(key, stored))
    return foldCommits(commits, read, JSON.parse)
  }

  /** The value before the transaction that is under way. */
  #current(key: string, stored: ReadonlyMap<string, Row | undefined>): unknown {
    if (this.#known?.has(key)) return this.#known.get(key)
    if (!stored.has(key)) return this.get(key)
    const row = stored.get(key)
    return row && decodeRecord(key, toBytes(row.json), row.checksum)
  }

  /** What commits expect something of and is not known, read at once where it is much: a call of an engine costs more than a row. */
  #readExpected(
    commits: readonly CheckedCommit<string>[],
    absent: ReadonlySet<string>,
  ): ReadonlyMap<string, Row | undefined> {
    const expected = commits.reduce((sum, { expectations }) => sum + expectations.length, 0)
    if (expected < LEAST_TOGETHER) return NOTHING_READ
    const stored = new Map<string, Row | undefined>()
    for (const { expectations } of commits) {
      for (const { key } of expectations) {
        if (!absent.has(key) && !this.#known?.has(key)) stored.set(key, undefined)
      }
    }
    if (stored.size < LEAST_TOGETHER) return NOTHING_READ
    try {
      const rows = this.#getMany.all([JSON.stringify(Array.from(stored.keys(), encodeKey))])
      for (const row of rows as (Row & { readonly key: Bytes })[]) {
        stored.set(decodeKey(toText(row.key) ?? ''), row)
      }
      return stored
    } catch (error) {
      if (!isDamage(error)) throw error
      // Read one by one it will be seen which is damaged.
      return NOTHING_READ
    }
  }

  #read(key: string, encodedKey: string): unknown {
    let row: Row | undefined
    try {
      row = this.#get.get([encodedKey]) as Row | undefined
    } catch (error) {
      throw isDamage(error) ? damagedError(key, error) : error
    }
    return row && decodeRecord(key, toBytes(row.json), row.checksum)
  }

  #record({ key: bytes, json, checksum }: ScannedRow): StorageRecord {
    const encodedKey = toText(bytes) ?? ''
    const key = decodeKey(encodedKey)
    if (checksum !== undefined) return { key, value: decodeRecord(key, toBytes(json), checksum) }
    const value = this.#read(key, encodedKey)
    if (value === undefined) throw damagedError(key)
    return { key, value }
  }

  /** Rows of a range; where a page of the file is damaged, only the keys, from the index, to be read one by one. */
  #rows(lower: Uint8Array, upper: Uint8Array, limit: number, isReverse: boolean): ScannedRow[] {
    try {
      return this.#scan(`${KEY}, ${COLUMNS}`, lower, upper, limit, isReverse)
    } catch (error) {
      if (!isDamage(error)) throw error
      return this.#scan(KEY, lower, upper, limit, isReverse)
    }
  }

  #scan(
    columns: string,
    lower: Uint8Array,
    upper: Uint8Array,
    limit: number,
    isReverse: boolean,
  ): ScannedRow[] {
    const sql =
      `SELECT ${columns} FROM busline_records WHERE busline_records.key >= CAST(? AS TEXT) ` +
      `AND busline_records.key < CAST(? AS TEXT) ORDER BY busline_records.key ${isReverse ? 'DESC' : 'ASC'} LIMIT ?`
    let statement = this.#scans.get(sql)
    if (!statement) this.#scans.set(sql, (statement = this.#prepare(sql)))
    return statement.all([lower, upper, limit]) as ScannedRow[]
  }

  #createTables(): void {
    if (this.#format() === undefined) {
      this.#database.exec('BEGIN IMMEDIATE')
      try {
        this.#database.exec(`
          CREATE TABLE IF NOT EXISTS busline_format (version INTEGER NOT NULL);
          INSERT INTO busline_format SELECT ${FORMAT} WHERE NOT EXISTS (SELECT 1 FROM busline_format);
          CREATE TABLE IF NOT EXISTS busline_records (
            key TEXT PRIMARY KEY NOT NULL, json TEXT NOT NULL, checksum INTEGER NOT NULL
          );
        `)
        this.#database.exec('COMMIT')
      } catch (error) {
        this.#rollBack()
        throw error
      }
    }
    const format = this.#format()
    if (format === FORMAT) return
    throw new SystemError(
      'VERSION_MISMATCH',
      `The SQLite file "${this.#file}" has format ${format}: use a newer Busline, this one knows ${FORMAT}`,
      { context: { file: this.#file, format } },
    )
  }

  #format(): number | undefined {
    const table = `SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'busline_format'`
    if (!this.#database.prepare(table).get()) return undefined
    const row = this.#database.prepare('SELECT version FROM busline_format').get()
    return (row as { version: number } | undefined)?.version
  }
}

const NONE: ReadonlySet<string> = new Set()

const NOTHING_READ: ReadonlyMap<string, Row | undefined> = new Map()

function encodeEnd(end: string | undefined): string {
  return end === undefined ? AFTER_ALL_KEYS : encodeKey(end)
}

/** Engines throw errors of their own for text that is no longer UTF-8. */
function isDamage(error: unknown): boolean {
  const code = sqliteCode(error)
  return code === 'CORRUPT' || code === undefined
}
