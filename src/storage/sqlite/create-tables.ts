import { SystemError } from '../../core/system-error.js'
import type { SqliteDatabase } from './sqlite-database.js'
import { inTransaction } from './transaction.js'

/** Of the tables; a higher one was made by a newer Busline. 1 had no `busline_recent`. */
const FORMAT = 2

/**
 * Makes the tables where they are missing.
 *
 * - `busline_records`: the records.
 * - `busline_recent`: what was written since, and stands over the other: see {@link RecentRecords}.
 *
 * @throws {SystemError} `VERSION_MISMATCH` when a newer Busline has made them.
 */
export function createTables(database: SqliteDatabase, file: string): void {
  const found = formatOf(database)
  if (found === undefined || found < FORMAT) {
    inTransaction(database, () =>
      database.exec(`
        CREATE TABLE IF NOT EXISTS busline_format (version INTEGER NOT NULL);
        INSERT INTO busline_format SELECT ${FORMAT} WHERE NOT EXISTS (SELECT 1 FROM busline_format);
        UPDATE busline_format SET version = ${FORMAT} WHERE version < ${FORMAT};
        CREATE TABLE IF NOT EXISTS busline_records (
          key TEXT PRIMARY KEY NOT NULL, json TEXT NOT NULL, checksum INTEGER NOT NULL
        );
        CREATE TABLE IF NOT EXISTS busline_recent (slot INTEGER PRIMARY KEY, data BLOB NOT NULL);
      `),
    )
  }
  const format = formatOf(database)
  if (format === FORMAT) return
  throw new SystemError(
    'VERSION_MISMATCH',
    `The SQLite file "${file}" has format ${format}: use a newer Busline, this one knows ${FORMAT}`,
    { context: { file, format } },
  )
}

function formatOf(database: SqliteDatabase): number | undefined {
  const table = `SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'busline_format'`
  if (!database.prepare(table).get()) return undefined
  const row = database.prepare('SELECT version FROM busline_format').get()
  return (row as { version: number } | undefined)?.version
}
