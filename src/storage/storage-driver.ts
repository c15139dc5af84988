import type { SystemError } from '../core/system-error.js'

/**
 * Where everything durable is kept: ordered records, nothing more. Checkpoints, watches, buffers, timers, outbox,
 * claims and timelines are written once over this contract, so a driver stays small and each of them runs on all.
 *
 * Keys are non-empty strings without U+0000, ordered by their UTF-16 code units (`<` in JavaScript); a key's parts
 * are joined with `/`. Values are plain data: JSON for the SQL drivers, structured-cloneable for memory and IndexedDB.
 * A value is taken over when `commit` is called and handed out so that changing it cannot change the store.
 */
export interface StorageRecord {
  readonly key: string
  readonly value: unknown
}

/** One part of a commit. All parts take effect together, or none does. */
export type StorageOperation =
  | { readonly type: 'put'; readonly key: string; readonly value: unknown }
  | { readonly type: 'delete'; readonly key: string }
  /** Deletes every record whose key starts with `prefix`. */
  | { readonly type: 'deletePrefix'; readonly prefix: string }
  /**
   * A condition on the state before the commit, wherever it stands among the operations: the record at `key` has exactly this value at `field` (a top-level
   * field of the value), or, with `equals: undefined`, there is no such record. One that fails refuses the whole commit.
   */
  | {
      readonly type: 'expect'
      readonly key: string
      readonly field: string
      readonly equals: string | number | undefined
    }

export interface ScanOptions {
  /** Only keys that start with this. `''` is every record. */
  readonly prefix: string
  /** Only keys after this one (before it, when reversed). The cursor of the next page. */
  readonly after?: string
  /** At most so many records. @default 1000 */
  readonly limit?: number
  /** From the last key to the first. @default false */
  readonly reverse?: boolean
  /**
   * Told of each record that can no longer be read (`STORAGE`, its key in `context.key`); the scan goes on without it
   * and still fills the page. Without this the scan rejects with that error instead.
   */
  readonly onDamaged?: (error: SystemError) => void
}

export interface StorageDriver {
  /** For messages: `memory`, `indexeddb`, `sqlite`, `postgres`. */
  readonly name: string
  /** Whether what was committed survives the process. */
  readonly isDurable: boolean
  /** The value of the record at `key`, `undefined` where there is none. @throws {SystemError} `STORAGE` when it is damaged (`context.key`). */
  get(key: string): Promise<unknown>
  /** The records of a range, in order: fewer than `limit` means that the range ends there. */
  scan(options: ScanOptions): Promise<readonly StorageRecord[]>
  /**
   * Applies all operations atomically, in order. Resolves once they are durable.
   *
   * @throws {SystemError} `CONFLICT` when an `expect` does not hold (`context.key`); nothing was written.
   * @throws {SystemError} `VALIDATION` when a value cannot be stored (`context.key`, `context.path`); nothing was written.
   * @throws {SystemError} `CAPACITY` when a value is too large or too many commits are pending; nothing was written.
   * @throws {SystemError} `STORAGE` when the store failed. `context.isOutcomeUnknown` is true when it may nevertheless
   *   have been applied: read back before trying again.
   */
  commit(operations: readonly StorageOperation[]): Promise<void>
  /** Releases files, connections and timers; later calls reject with `UNAVAILABLE`. Closing twice is allowed. */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}
