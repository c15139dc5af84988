import { type KeyRange, prefixEnd } from '../key-range.js'
import { isSystemError } from '../../core/system-error.js'
import { checksumOf, damagedError, decodeRecord } from '../sql/json-record.js'
import { AFTER_ALL_KEYS, decodeKey, encodeKey } from '../sql/sortable-key.js'
import type { ScanOptions, StorageRecord } from '../storage-driver.js'
import type { EngineTraits } from './engine-traits.js'
import { PreparedStatement } from './prepared-statement.js'
import { type Bytes, toBuffer, toBytes, toText } from './sqlite-bytes.js'
import type { SqliteDatabase } from './sqlite-database.js'
import { isDamage } from './sqlite-error.js'

/**
 * Everything is read through casts, text as bytes: in a damaged file anything may stand anywhere, and an engine may end
 * the process (libsql does) over text that is not UTF-8.
 */
const COLUMNS = 'CAST(json AS BLOB) AS json, CAST(checksum AS INTEGER) AS checksum'
const KEY = 'CAST(key AS BLOB) AS key'

/** What stands at a key. */
export interface RecordRow {
  readonly json: Bytes
  readonly checksum: number
}

type ScannedRow = { readonly key: Bytes } & Partial<RecordRow>

export type OnDamaged = ScanOptions['onDamaged']

/** The table `busline_records`. */
export class RecordTable {
  readonly #database: SqliteDatabase
  readonly #traits: EngineTraits
  readonly #get: PreparedStatement
  readonly #getMany: PreparedStatement
  readonly #insert: PreparedStatement
  readonly #put: PreparedStatement
  readonly #delete: PreparedStatement
  readonly #deleteRange: PreparedStatement
  readonly #scans = new Map<string, PreparedStatement>()

  constructor(database: SqliteDatabase, traits: EngineTraits) {
    this.#database = database
    this.#traits = traits
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
  }

  /** @throws {SystemError} `STORAGE` when the record is damaged. */
  get(key: string): unknown {
    return this.#read(key, encodeKey(key))
  }

  /** What stands at several keys; `undefined` where a part of it cannot be read, so that they must be read one by one. */
  getMany(keys: readonly string[]): ReadonlyMap<string, RecordRow> | undefined {
    const found = new Map<string, RecordRow>()
    try {
      const rows = this.#getMany.all([JSON.stringify(keys.map(encodeKey))])
      for (const row of rows as (RecordRow & { readonly key: Bytes })[]) {
        found.set(decodeKey(toText(row.key) ?? ''), row)
      }
      return found
    } catch (error) {
      if (!isDamage(error)) throw error
      return undefined
    }
  }

  /** @param onDamaged Is told of each damaged record; without it the first one ends the scan with `STORAGE`. */
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

  /** Fails with a violated constraint where the key is taken. */
  insert(key: string, json: string): void {
    this.#insert.write([encodeKey(key), json, checksumOf(key, json)])
  }

  put(key: string, json: string, checksum: number): void {
    this.#put.write([encodeKey(key), json, checksum])
  }

  delete(key: string): void {
    this.#delete.write([encodeKey(key)])
  }

  deletePrefix(prefix: string): void {
    this.#deleteRange.write([encodeKey(prefix), encodeEnd(prefixEnd(prefix))])
  }

  #prepare(sql: string): PreparedStatement {
    return new PreparedStatement(this.#database, sql, this.#traits)
  }

  #read(key: string, encodedKey: string): unknown {
    let row: RecordRow | undefined
    try {
      row = this.#get.get([encodedKey]) as RecordRow | undefined
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
}

function encodeEnd(end: string | undefined): string {
  return end === undefined ? AFTER_ALL_KEYS : encodeKey(end)
}
