export type { ScanOptions, StorageDriver, StorageOperation, StorageRecord } from '../storage-driver.js'
export type { SqliteDatabase, SqliteEngine, SqliteStatement, SqliteValue } from './sqlite-database.js'
export { sqliteStorage, type SqliteStorageOptions, type SqliteTarget } from './sqlite-storage.js'
