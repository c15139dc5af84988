import type { SqliteDatabase } from './sqlite-database.js'

/**
 * Begins a transaction: at once as the one that may write, or as one that reads and sees what its first statement sees.
 *
 * Not prepared: a statement that meets a lock would stay in progress with libsql, and hold on to what reads see, until the next.
 */
export function begin(database: SqliteDatabase, kind: 'IMMEDIATE' | 'DEFERRED'): void {
  try {
    database.exec(`BEGIN ${kind}`)
  } catch (error) {
    rollBack(database)
    throw error
  }
}

/** Does all of it, or nothing. */
export function inTransaction(database: SqliteDatabase, action: () => void): void {
  begin(database, 'IMMEDIATE')
  try {
    action()
    database.exec('COMMIT')
  } catch (error) {
    rollBack(database)
    throw error
  }
}

export function rollBack(database: SqliteDatabase): void {
  try {
    database.exec('ROLLBACK')
  } catch {
    // There is none: SQLite has rolled back by itself, as it does on a full disk, or has not begun.
  }
}
