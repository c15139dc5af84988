import { type DBSchema, type IDBPDatabase, openDB } from 'idb'
import type { Clock } from '../../core/clock.js'
import { SystemError } from '../../core/system-error.js'
import { indexedDbError, nameOf } from './indexeddb-error.js'

export const STORE = 'records'

/** Of the object stores; a higher one was made by a newer Busline. */
const VERSION = 1

export interface RecordSchema extends DBSchema {
  [STORE]: { key: string; value: { key: string; value: unknown } }
}

export type RecordDatabase = IDBPDatabase<RecordSchema>

interface Opened {
  readonly database: RecordDatabase
  /** Whether this opening created it. */
  readonly isNew: boolean
}

/**
 * The connection to one database, opened when first used, and again after the browser has closed it.
 *
 * Invariants: it never stands in the way of another tab (`versionchange` closes it); waiting to open it ends; and a
 * database that was deleted under a running application is never taken for an empty one.
 */
export class IndexedDbConnection {
  readonly #name: string
  readonly #clock: Clock
  readonly #openTimeoutMs: number
  #opening: Promise<RecordDatabase> | undefined
  #hasBeenOpen = false
  #loss: SystemError | undefined

  constructor(name: string, clock: Clock, openTimeoutMs: number) {
    this.#name = name
    this.#clock = clock
    this.#openTimeoutMs = openTimeoutMs
  }

  /**
   * Runs `action`, once more on a new connection when the browser has closed the one it was given. A write is only run
   * again when it is sure to be undone; a read also when the browser has lost its database server, as Safari may.
   */
  async use<T>(kind: 'read' | 'write', action: (database: RecordDatabase) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      const opening = (this.#opening ??= this.#open())
      const database = await opening
      try {
        return await action(database)
      } catch (error) {
        const name = nameOf(error) ?? ''
        const isUndone = name === 'InvalidStateError' || name === 'AbortError'
        if (isUndone || name === 'UnknownError') {
          if (this.#opening === opening) this.#opening = undefined
          database.close()
          if (attempt === 1 && (isUndone || kind === 'read')) continue
        }
        throw indexedDbError(error, this.#name)
      }
    }
  }

  async close(): Promise<void> {
    const database = await this.#opening?.catch(() => undefined)
    database?.close()
  }

  async #open(): Promise<RecordDatabase> {
    try {
      if (this.#loss) throw this.#loss
      return await this.#openInTime()
    } catch (error) {
      this.#opening = undefined
      throw error
    }
  }

  #openInTime(): Promise<RecordDatabase> {
    return new Promise((resolve, reject) => {
      let isBlocked = false
      let isLate = false
      const timer = this.#clock.setTimeout(() => {
        isLate = true
        reject(tooLate(this.#name, isBlocked))
      }, this.#openTimeoutMs)
      this.#request(() => (isBlocked = true))
        .finally(() => this.#clock.clearTimeout(timer))
        .then((opened) => {
          const database = this.#accept(opened)
          // Nobody waits for it any more, and open it would stand in the way of others.
          if (isLate) return database.close()
          this.#hasBeenOpen = true
          resolve(database)
        })
        .catch(reject)
    })
  }

  #accept({ database, isNew }: Opened): RecordDatabase {
    if (isNew && this.#hasBeenOpen) {
      this.#loss = new SystemError(
        'STORAGE',
        `The IndexedDB database "${this.#name}" was deleted while it was in use: reload the page to start afresh`,
        { context: { database: this.#name, reason: 'lost' } },
      )
    }
    if (!this.#loss) return database
    database.close()
    throw this.#loss
  }

  async #request(blocked: () => void): Promise<Opened> {
    let isNew = false
    let database: RecordDatabase
    const forget = () => {
      this.#opening = undefined
    }
    try {
      database = await openDB<RecordSchema>(this.#name, VERSION, {
        upgrade(upgraded) {
          isNew = true
          upgraded.createObjectStore(STORE, { keyPath: 'key' })
        },
        blocked,
        blocking() {
          forget()
          database.close()
        },
        terminated: forget,
      })
    } catch (error) {
      throw openingError(error, this.#name)
    }
    return { database, isNew }
  }
}

function tooLate(name: string, isBlocked: boolean): SystemError {
  const advice = isBlocked
    ? 'another tab has an older version open, close it'
    : 'the browser did not answer in time, close other tabs of this application'
  return new SystemError('UNAVAILABLE', `Cannot open the IndexedDB database "${name}": ${advice}`, {
    context: { database: name, reason: isBlocked ? 'blocked' : 'timeout' },
  })
}

function openingError(error: unknown, name: string): SystemError {
  if (nameOf(error) === 'VersionError') {
    return new SystemError(
      'VERSION_MISMATCH',
      `The IndexedDB database "${name}" was upgraded by a newer version of this application: reload the page`,
      { cause: error, context: { database: name } },
    )
  }
  return new SystemError(
    'UNAVAILABLE',
    `Cannot open the IndexedDB database "${name}": allow this site to store data, or use memoryStorage() and tell the user that nothing is kept`,
    { cause: error, context: { database: name, reason: 'refused' } },
  )
}
