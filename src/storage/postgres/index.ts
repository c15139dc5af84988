export type { ScanOptions, StorageDriver, StorageOperation, StorageRecord } from '../storage-driver.js'
