export interface StorageConformanceOptions {
  /** Whether what was committed is there when the store is opened again. */
  readonly isDurable: boolean
  /** What the values may be. */
  readonly values: 'json' | 'structured-clone'
}
