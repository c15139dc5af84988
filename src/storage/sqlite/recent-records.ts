import { SystemError } from '../../core/system-error.js'
import type { CheckedCommit } from '../check-operations.js'
import type { KeyRange } from '../key-range.js'
import { checksumOf, decodeRecord } from '../sql/json-record.js'
import type { EngineTraits } from './engine-traits.js'
import { PreparedStatement } from './prepared-statement.js'
import {
  SLOT_BYTES,
  type RecentEntry,
  type RecentRecord,
  decodeSlot,
  encodeSlot,
  packSlots,
} from './recent-slot.js'
import type { RecordTable } from './record-table.js'
import type { Bytes } from './sqlite-bytes.js'
import type { SqliteDatabase } from './sqlite-database.js'
import { isDamage } from './sqlite-error.js'
import { begin, rollBack } from './transaction.js'

/** A megabyte. */
const DEFAULT_SLOTS = 256

/** Most of one transaction: with more of them, records share the pages of their table anyway. */
const MOST_SLOTS = 16

/** The slot that says which generation is the current one. */
const GENERATION = 0

interface Kept extends RecentRecord {
  /** Whether the key was not in the table before: a deletion need not look for it. */
  readonly isNew: boolean
}

export interface MoveOptions {
  /** @default none is */
  readonly isReplaced?: (key: string) => boolean
  /** @default none is */
  readonly stuck?: ReadonlySet<string> | undefined
  readonly erases: boolean
}

/**
 * The table `busline_recent`: the last transactions, in their order, as long as their records are not in the table of all.
 *
 * A transaction that goes alone pays for each page it changes, and records of a run stand in as many places of a table and its
 * index as they have prefixes. Here a transaction is one row and one page, and when the slots are full what is left of the records, of
 * which many have been overwritten or deleted, is moved in one transaction. (The idea is that of a log-structured merge-tree:
 * O'Neil and others, 1996.) Slots are used again: those of an older generation than that of slot 0 hold nothing.
 *
 * Invariant: who writes to the other table moves what is here as well. So that table is at any time what all records once were,
 * and with what is here over it what they are.
 */
export class RecentRecords {
  readonly #database: SqliteDatabase
  readonly #file: string
  readonly #slots: number
  readonly #read: PreparedStatement
  readonly #write: PreparedStatement
  readonly #records = new Map<string, Kept>()
  #generation = 0
  /** The slots of this generation. */
  #used = 0
  #hasAppended = false

  constructor(database: SqliteDatabase, traits: EngineTraits, file: string, slots = DEFAULT_SLOTS) {
    this.#database = database
    this.#file = file
    this.#slots = slots
    this.#read = new PreparedStatement(
      database,
      'SELECT CAST(slot AS INTEGER) AS slot, CAST(data AS BLOB) AS data FROM busline_recent ORDER BY busline_recent.slot',
      traits,
    )
    this.#write = new PreparedStatement(
      database,
      'INSERT OR REPLACE INTO busline_recent (slot, data) VALUES (?, ?)',
      traits,
    )
  }

  get isEmpty(): boolean {
    return this.#records.size === 0
  }

  /** Whether this connection has ever appended. */
  get hasAppended(): boolean {
    return this.#hasAppended
  }

  has(key: string): boolean {
    return this.#records.has(key)
  }

  /**
   * The value at a key that it has; `undefined` when it was deleted.
   *
   * @throws {SystemError} `STORAGE` when the record is damaged.
   */
  get(key: string): unknown {
    const record = this.#records.get(key)
    return record?.json === undefined ? undefined : decodeRecord(key, record.json, record.checksum)
  }

  isDeleted(key: string): boolean {
    return this.#records.get(key)?.json === undefined
  }

  /** Which of its keys lie in a range, in their order. */
  keysWithin({ lower, upper }: KeyRange): string[] {
    const keys: string[] = []
    for (const key of this.#records.keys()) {
      if (key >= lower && (upper === undefined || key < upper)) keys.push(key)
    }
    return keys.sort()
  }

  /**
   * Reads the table, after another connection may have changed it.
   *
   * @throws {SystemError} `STORAGE` when it cannot be told what a transaction wrote: any record may then be older than it says.
   */
  load(): void {
    this.#clear(0)
    for (const { slot, data } of this.#read.all([]) as { slot: number; data: Bytes | null }[]) {
      const found = decodeSlot(data)
      const isNext = slot === GENERATION || slot === this.#used + 1
      if (!found || !isNext || (slot !== GENERATION && found.generation > this.#generation)) {
        this.#clear(0)
        throw this.#damaged()
      }
      if (slot === GENERATION) this.#generation = found.generation
      else if (found.generation < this.#generation) return
      else this.#take(found.records, NONE)
    }
  }

  /** Whether there may be no place for one more transaction. */
  get isFull(): boolean {
    return this.#used + MOST_SLOTS > this.#slots
  }

  /** Whether commits are short enough, as far as can be told before they are judged. */
  mayTake(commits: readonly CheckedCommit<string>[]): boolean {
    let characters = 0
    for (const { writes } of commits) {
      for (const write of writes) {
        if (write.type === 'deletePrefix') return false
        const length = write.type === 'put' ? write.value.length : 0
        if (length > SLOT_BYTES) return false
        characters += write.key.length + length
      }
      if (characters > MOST_SLOTS * SLOT_BYTES) return false
    }
    return true
  }

  /**
   * Writes slots, within a transaction. Returns what is to be called when that has been committed; `undefined`, with nothing written,
   * when there is no place for so much.
   *
   * @param missing Keys that were there neither here nor in the table.
   */
  append(
    writes: ReadonlyMap<string, string | undefined>,
    missing: ReadonlySet<string>,
  ): (() => void) | undefined {
    const records: RecentEntry[] = []
    for (const [key, json] of writes) {
      records.push([key, { json, checksum: json === undefined ? 0 : checksumOf(key, json) }])
    }
    const slots = packSlots(records)
    if (!slots || slots.length > MOST_SLOTS) return undefined
    this.#writeSlots(slots, this.#generation, this.#used)
    return () => {
      this.#hasAppended = true
      for (const each of slots) this.#take(each, missing)
    }
  }

  /**
   * Writes what is here to the table, within a transaction. Returns what is to be called when that has been committed.
   *
   * @param isReplaced Whether the same transaction writes this key itself.
   * @param stuck Keys that stay here.
   * @param erases Whether to empty this table, as others would have to read what is in it in vain.
   */
  moveTo(table: RecordTable, { isReplaced, stuck = NONE, erases }: MoveOptions): () => void {
    if (erases ? !this.#hasRows : this.#used === 0) return nothing
    const left: RecentEntry[] = []
    for (const entry of this.#records) {
      const [key, record] = entry
      if (isReplaced?.(key)) continue
      if (stuck.has(key)) left.push(entry)
      else move(key, record, table)
    }
    const generation = erases ? 0 : this.#generation + 1
    if (erases) this.#database.exec('DELETE FROM busline_recent')
    else this.#write.write([GENERATION, encodeSlot(generation, [])])
    // Each fitted into one, and they are no more than there were.
    const slots = packSlots(left)!
    this.#writeSlots(slots, generation, 0)
    return () => {
      this.#clear(generation)
      for (const each of slots) this.#take(each, NONE)
    }
  }

  /** The keys that cannot be written to the table, since a page of it is damaged. Each takes a transaction: nothing can be done in one after that. */
  findStuck(table: RecordTable): ReadonlySet<string> {
    const stuck = new Set<string>()
    for (const [key, record] of this.#records) {
      begin(this.#database, 'IMMEDIATE')
      try {
        move(key, record, table)
      } catch (error) {
        if (!isDamage(error)) throw error
        stuck.add(key)
      } finally {
        rollBack(this.#database)
      }
    }
    return stuck
  }

  /** Whether the table has rows, be it of older generations. */
  get #hasRows(): boolean {
    return this.#used > 0 || this.#generation > 0
  }

  #writeSlots(slots: readonly RecentEntry[][], generation: number, used: number): void {
    for (const [index, records] of slots.entries()) {
      this.#write.write([used + index + 1, encodeSlot(generation, records)])
    }
  }

  #take(records: readonly RecentEntry[], missing: ReadonlySet<string>): void {
    for (const [key, { json, checksum }] of records) {
      const isNew = this.#records.get(key)?.isNew ?? missing.has(key)
      this.#records.set(key, { json, checksum, isNew })
    }
    this.#used++
  }

  #clear(generation: number): void {
    this.#records.clear()
    this.#used = 0
    this.#generation = generation
  }

  #damaged(): SystemError {
    return new SystemError(
      'STORAGE',
      `The SQLite file "${this.#file}" is damaged in what was written last: restore it from a backup`,
      { context: { file: this.#file, reason: 'damaged' } },
    )
  }
}

function move(key: string, { json, checksum, isNew }: Kept, table: RecordTable): void {
  if (json !== undefined) table.put(key, json, checksum)
  else if (!isNew) table.delete(key)
}

const NONE: ReadonlySet<string> = new Set()

const nothing = () => {}
