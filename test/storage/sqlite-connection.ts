import { checkOperations } from '../../src/storage/check-operations.js'
import { encodeJson } from '../../src/storage/encode-json.js'
import { scanRange } from '../../src/storage/key-range.js'
import {
  openSqliteDatabase,
  SQLITE_ENGINES,
  type SqliteDatabase,
  type SqliteEngine,
} from '../../src/storage/sqlite/sqlite-database.js'
import { SqliteRecords } from '../../src/storage/sqlite/sqlite-records.js'
import type { ScanOptions, StorageOperation } from '../../src/storage/storage-driver.js'

/** Those that this Node can load. */
export async function loadableEngines(): Promise<SqliteEngine[]> {
  const engines: SqliteEngine[] = []
  for (const engine of SQLITE_ENGINES) {
    const database = await openSqliteDatabase(':memory:', [engine]).catch(() => undefined)
    database?.close()
    if (database) engines.push(engine)
  }
  return engines
}

/** Whether SQLite's own check of a file finds nothing. */
export async function isIntact(file: string, engine?: SqliteEngine): Promise<boolean> {
  const database = await openSqliteDatabase(file, engine && [engine])
  try {
    const rows = database.prepare('PRAGMA integrity_check').all() as { integrity_check: string }[]
    return rows.length === 1 && rows[0]!.integrity_check === 'ok'
  } finally {
    database.close()
  }
}

export const put = (key: string, value: unknown): StorageOperation => ({ type: 'put', key, value })

export const checked = (operations: readonly StorageOperation[]) => checkOperations(operations, encodeJson)

/** Few slots: they are full after some commits. */
const SLOTS = 20

/** A connection to a file, without the storage around it. */
export class SqliteConnection {
  readonly database: SqliteDatabase
  readonly records: SqliteRecords

  private constructor(database: SqliteDatabase, records: SqliteRecords) {
    this.database = database
    this.records = records
  }

  static async open(
    file: string,
    engine: SqliteEngine,
    { wrap = (database: SqliteDatabase) => database, slots = SLOTS } = {},
  ): Promise<SqliteConnection> {
    const database = await openSqliteDatabase(file, [engine])
    const options = { synchronous: 'NORMAL', isOurs: true, slots } as const
    return new SqliteConnection(database, new SqliteRecords(wrap(database), file, options))
  }

  commit(...operations: StorageOperation[]): string {
    const [refusal] = this.records.apply([checked(operations)])
    return refusal?.code ?? 'committed'
  }

  scan(options: ScanOptions) {
    const range = scanRange(options)
    const { limit = 1000, reverse = false } = options
    return range ? this.records.scan(range, limit, reverse, options.onDamaged) : []
  }

  /** So many commits that what was written before is in the table. */
  fill(at = 'filler', commits = 2 * SLOTS): void {
    for (let commit = 0; commit < commits; commit++) this.commit(put(`${at}/${commit % 3}`, commit))
  }

  /** Of the records that stand with all others; from the index, as a page may be damaged. */
  keysInTable(): string[] {
    const rows = this.database.prepare('SELECT key FROM busline_records ORDER BY key').all()
    return (rows as { key: string }[]).map(({ key }) => key)
  }

  /** How many slots have ever been written since the table was last emptied, and whether what was in some has been moved. */
  slots(): { written: number; haveMoved: boolean } {
    const rows = this.database.prepare('SELECT slot FROM busline_recent').all() as { slot: number }[]
    return {
      written: rows.filter(({ slot }) => slot > 0).length,
      haveMoved: rows.some(({ slot }) => slot === 0),
    }
  }

  /** As the end of a process does, without a word. */
  crash(): void {
    this.database.close()
  }
}
