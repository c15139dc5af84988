export type { ScanOptions, StorageDriver, StorageOperation, StorageRecord } from '../storage-driver.js'
export { encryptedStorage, type EncryptedStorageOptions } from './encrypted-storage.js'
export { derivedRunKeys, type MasterKey, type NamedKey, type RunKeys } from './run-keys.js'
