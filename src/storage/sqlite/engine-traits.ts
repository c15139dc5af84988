import type { SqliteDatabase } from './sqlite-database.js'

/** How an engine is called the fastest. */
export interface EngineTraits {
  /** Whether values may come in one array, as with `libsql` and `better-sqlite3`: libsql makes one of them otherwise, slowly. */
  readonly takesArrays: boolean
  /** Whether `get` carries out a write too, as with `libsql`, whose `run` makes an object of what was changed. */
  readonly getWrites: boolean
}

/**
 * Finds out by trying.
 *
 * @param mayWrite Whether that may be tried as well: on a connection that nobody else has.
 */
export function findTraits(database: SqliteDatabase, mayWrite: boolean): EngineTraits {
  const takesArrays = isTrue(() => valueOf(database.prepare('SELECT ? AS value').get(['x'])) === 'x')
  return { takesArrays, getWrites: takesArrays && mayWrite && isTrue(() => triesWrites(database)) }
}

/** Three rows, so that it would be seen if values were not taken anew. */
function triesWrites(database: SqliteDatabase): boolean {
  database.exec('CREATE TEMP TABLE busline_trial (value TEXT NOT NULL)')
  try {
    const insert = database.prepare('INSERT INTO temp.busline_trial VALUES (?)')
    for (const value of ['a', 'b', 'c']) insert.get([value])
    const written = database.prepare(
      'SELECT group_concat(value) AS value FROM (SELECT value FROM temp.busline_trial ORDER BY value)',
    )
    return valueOf(written.get()) === 'a,b,c'
  } finally {
    database.exec('DROP TABLE temp.busline_trial')
  }
}

function valueOf(row: unknown): unknown {
  return (row as { value?: unknown } | null | undefined)?.value
}

function isTrue(check: () => boolean): boolean {
  try {
    return check()
  } catch {
    return false
  }
}
