export type { ScanOptions, StorageDriver, StorageOperation, StorageRecord } from '../storage-driver.js'
export { postgresStorage, type PostgresStorageOptions, type PostgresTarget } from './postgres-storage.js'
