import type { SqliteDatabase } from './sqlite-database.js'

export function rollBack(database: SqliteDatabase): void {
  try {
    database.exec('ROLLBACK')
  } catch {
    // SQLite has rolled back by itself, as it does on a full disk.
  }
}
