import { postgresStorage } from '../../../src/storage/postgres/index.js'
import { sqliteStorage } from '../../../src/storage/sqlite/index.js'
import type { StorageDriver } from '../../../src/storage/storage-driver.js'

/** The store at `postgresql://…`, or in a SQLite file of that name. */
export function openStore(database: string): StorageDriver {
  return database.startsWith('postgresql://')
    ? postgresStorage({ connectionString: database })
    : sqliteStorage({ file: database })
}
