import { setImmediate as scheduleImmediate } from 'node:timers'
import { type CheckedCommit, checkKey, checkOperations, checkScan, closedError } from '../check-operations.js'
import { encodeJson } from '../encode-json.js'
import { GroupCommit, type GroupOutcomes } from '../group-commit.js'
import { type KeyRange, scanRange } from '../key-range.js'
import type { ScanOptions, StorageDriver, StorageOperation, StorageRecord } from '../storage-driver.js'

/** Commits in one transaction: bounded so that one transaction does not hold up everything else for long. */
const MAX_GROUP = 256

const DEFAULT_MAX_PENDING = 10_000

/** The records of an open database: everything that is SQL. */
export interface SqlRecords {
  get(key: string): unknown
  scan(
    range: KeyRange,
    limit: number,
    isReverse: boolean,
    onDamaged: ScanOptions['onDamaged'],
  ): StorageRecord[] | Promise<StorageRecord[]>
  /** Applies a group in one transaction. Returns, per commit, why it was refused. */
  apply(commits: readonly CheckedCommit<string>[]): GroupOutcomes | Promise<GroupOutcomes>
}

/**
 * What the storages on SQL databases have in common: calls are checked, values become JSON, commits made at the same time
 * share a transaction, and closing waits for those under way. How a database is opened and reached is theirs.
 */
export abstract class SqlStorage implements StorageDriver {
  abstract readonly name: string
  abstract readonly isDurable: boolean
  readonly #commits: GroupCommit<CheckedCommit<string>>
  #isClosed = false

  constructor(maxPendingCommits = DEFAULT_MAX_PENDING) {
    this.#commits = new GroupCommit({
      flush: (commits) => this.use((records) => records.apply(commits)),
      // After the promises that the last group settled have run: who is about to commit again joins the next.
      schedule: scheduleImmediate,
      maxGroup: MAX_GROUP,
      maxPending: maxPendingCommits,
    })
  }

  async get(key: string): Promise<unknown> {
    this.#checkOpen()
    checkKey(key)
    return await this.use((records) => records.get(key))
  }

  async scan(options: ScanOptions): Promise<readonly StorageRecord[]> {
    this.#checkOpen()
    const limit = checkScan(options)
    const range = scanRange(options)
    if (!range) return []
    return await this.use((records) =>
      records.scan(range, limit, options.reverse ?? false, options.onDamaged),
    )
  }

  commit(operations: readonly StorageOperation[]): Promise<void> {
    try {
      this.#checkOpen()
      return this.#commits.add(checkOperations(operations, encodeJson))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    await this.#commits.settle()
    await this.release()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Runs `action` on the open database; the first call opens it, and one whose opening failed is followed by another. */
  protected abstract use<T>(action: (records: SqlRecords) => T | Promise<T>): T | Promise<T>

  /** Lets go of the database, if it was opened. Called once, when nothing uses it any more. */
  protected abstract release(): Promise<void>

  #checkOpen(): void {
    if (this.#isClosed) throw closedError(this.name)
  }
}
