export type { ScanOptions, StorageDriver, StorageOperation, StorageRecord } from '../storage-driver.js'
export {
  indexedDbStorage,
  type IndexedDbStorage,
  type IndexedDbStorageOptions,
  type PersistenceState,
} from './indexeddb-storage.js'
