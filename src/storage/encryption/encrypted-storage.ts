import { isSystemError, SystemError } from '../../core/system-error.js'
import { type CheckedCommit, checkKey, checkOperations, checkScan, closedError } from '../check-operations.js'
import { encodeJson } from '../encode-json.js'
import { foldCommits } from '../fold-commits.js'
import { GroupCommit } from '../group-commit.js'
import { scheduleTask } from '../schedule-task.js'
import type { ScanOptions, StorageDriver, StorageOperation, StorageRecord } from '../storage-driver.js'
import { runOfKey } from './run-of-key.js'
import type { RunKeys } from './run-keys.js'
import { RecordSealer, type RunOfKey, type SealedRecord } from './sealed-record.js'

export interface EncryptedStorageOptions {
  /** The keys: derived from a master key with `derivedRunKeys`, or from where you keep one per run. */
  readonly keys: RunKeys
  /** The run that a record belongs to, by its key; `undefined` for none. @default as Busline names its records */
  readonly runOf?: RunOfKey
  /** Most commits that wait; one more is refused with `CAPACITY`. @default 10000 */
  readonly maxPendingCommits?: number
}

const MAX_GROUP = 256

/** How often a group is tried while commits of other processes are in its way. */
const MAX_ATTEMPTS = 20

/**
 * Encrypts every value before it reaches `driver`, and decrypts what comes back. The keys of records, their number and
 * sizes stay readable. Values are what JSON can hold, on every driver.
 *
 * Closing it closes `driver`.
 */
export function encryptedStorage(driver: StorageDriver, options: EncryptedStorageOptions): StorageDriver {
  return new EncryptedStorage(driver, options)
}

/** What stands at a key: the value, or why there is none; and, for conditions, the `iv` of what is stored. */
interface Current {
  readonly iv: string | undefined
  readonly value?: unknown
  readonly error?: SystemError
}

/**
 * Conditions are on fields, which the store below cannot see. So a group of commits is judged here, by values that were
 * read and decrypted, and written under the condition that these records are still the very ones that were read: each has
 * an `iv` that no other ever had. When another process was quicker, the group is judged again.
 */
class EncryptedStorage implements StorageDriver {
  readonly #driver: StorageDriver
  readonly #sealer: RecordSealer
  readonly #commits: GroupCommit<CheckedCommit<string>>
  #isClosed = false

  constructor(driver: StorageDriver, { keys, runOf = runOfKey, maxPendingCommits }: EncryptedStorageOptions) {
    this.#driver = driver
    this.#sealer = new RecordSealer(keys, runOf)
    this.#commits = new GroupCommit({
      flush: (commits) => this.#apply(commits),
      schedule: scheduleTask,
      maxGroup: MAX_GROUP,
      maxPending: maxPendingCommits ?? 10_000,
    })
  }

  get name(): string {
    return this.#driver.name
  }

  get isDurable(): boolean {
    return this.#driver.isDurable
  }

  async get(key: string): Promise<unknown> {
    this.#checkOpen()
    checkKey(key)
    const stored = await this.#driver.get(key)
    return stored === undefined ? undefined : this.#sealer.open(key, stored)
  }

  async scan(options: ScanOptions): Promise<readonly StorageRecord[]> {
    this.#checkOpen()
    const limit = checkScan(options)
    const found: StorageRecord[] = []
    let { after } = options
    // More than once only where records that cannot be read leave a page unfilled.
    for (;;) {
      const wanted = limit - found.length
      const page = await this.#driver.scan({
        ...options,
        limit: wanted,
        ...(after === undefined ? {} : { after }),
      })
      found.push(...(await this.#openAll(page, options.onDamaged)))
      after = page.at(-1)?.key
      if (page.length < wanted || found.length === limit) return found
    }
  }

  async commit(operations: readonly StorageOperation[]): Promise<void> {
    this.#checkOpen()
    await this.#commits.add(checkOperations(operations, encodeJson))
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    await this.#commits.settle()
    await this.#driver.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #checkOpen(): void {
    if (this.#isClosed) throw closedError(this.name)
  }

  async #openAll(
    page: readonly StorageRecord[],
    onDamaged: ScanOptions['onDamaged'],
  ): Promise<StorageRecord[]> {
    const opened = await Promise.allSettled(
      page.map(async ({ key, value }) => ({ key, value: await this.#sealer.open(key, value) })),
    )
    return opened.flatMap((outcome) => {
      if (outcome.status === 'fulfilled') return [outcome.value]
      const error: unknown = outcome.reason
      if (!onDamaged || !isUnreadable(error)) throw error
      onDamaged(error)
      return []
    })
  }

  async #apply(commits: readonly CheckedCommit<string>[]): Promise<readonly (SystemError | undefined)[]> {
    for (let attempt = 1; ; attempt++) {
      const current = await this.#readExpected(commits)
      const read = (key: string) => {
        const { value, error } = current.get(key)!
        if (error) throw error
        return value
      }
      const { outcomes, deletedPrefixes, records } = foldCommits(commits, read, JSON.parse)
      try {
        const writes = await Promise.all(Array.from(records, ([key, json]) => this.#write(key, json)))
        await this.#driver.commit([
          ...Array.from(current).flatMap(([key, each]) => (each.error ? [] : [unchanged(key, each)])),
          ...deletedPrefixes.map((prefix): StorageOperation => ({ type: 'deletePrefix', prefix })),
          ...writes,
        ])
        return outcomes
      } catch (error) {
        const isOvertaken = isSystemError(error) && error.code === 'CONFLICT'
        if (isOvertaken && attempt < MAX_ATTEMPTS) continue
        if (isOvertaken) throw busyError(error)
        if (commits.length === 1 || !mayConcernOne(error)) throw error
        return this.#applyEach(commits)
      }
    }
  }

  /** After a group has failed: one that is too large, or whose key is gone, does not take the others with it. */
  async #applyEach(commits: readonly CheckedCommit<string>[]): Promise<(SystemError | undefined)[]> {
    const outcomes: (SystemError | undefined)[] = []
    for (const commit of commits) {
      try {
        outcomes.push((await this.#apply([commit]))[0])
      } catch (error) {
        if (!isSystemError(error)) throw error
        outcomes.push(error)
      }
    }
    return outcomes
  }

  async #readExpected(commits: readonly CheckedCommit<string>[]): Promise<Map<string, Current>> {
    const keys = new Set(commits.flatMap(({ expectations }) => expectations.map(({ key }) => key)))
    return new Map(
      await Promise.all(Array.from(keys, async (key) => [key, await this.#readCurrent(key)] as const)),
    )
  }

  async #readCurrent(key: string): Promise<Current> {
    try {
      const stored = await this.#driver.get(key)
      if (stored === undefined) return { iv: undefined }
      return { value: await this.#sealer.open(key, stored), iv: (stored as SealedRecord).iv }
    } catch (error) {
      if (!isUnreadable(error)) throw error
      return { error, iv: undefined }
    }
  }

  async #write(key: string, json: string | undefined): Promise<StorageOperation> {
    return json === undefined
      ? { type: 'delete', key }
      : { type: 'put', key, value: await this.#sealer.seal(key, json) }
  }
}

function unchanged(key: string, { iv }: Current): StorageOperation {
  return { type: 'expect', key, field: 'iv', equals: iv }
}

/** Whether the fault is that of one record, which stays as it is; not of the store, or of the way to the keys. */
function isUnreadable(error: unknown): error is SystemError {
  return isSystemError(error) && (error.context.reason === 'damaged' || error.context.reason === 'no-key')
}

function mayConcernOne(error: unknown): boolean {
  if (!isSystemError(error)) return false
  const { reason, isOutcomeUnknown } = error.context
  if (isOutcomeUnknown === true) return false
  return ['CAPACITY', 'VALIDATION'].includes(error.code) || reason === 'full' || isUnreadable(error)
}

function busyError(cause: SystemError): SystemError {
  return new SystemError('STORAGE', 'Cannot commit: other processes were in the way too often, try again', {
    cause,
    context: { reason: 'busy', isOutcomeUnknown: false },
  })
}
