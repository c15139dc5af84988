import type { SystemError } from '../../core/system-error.js'
import type { CheckedCommit } from '../check-operations.js'
import { type FoldedCommits, foldCommits } from '../fold-commits.js'
import type { GroupOutcomes } from '../group-commit.js'
import type { KeyRange } from '../key-range.js'
import { checksumOf, decodeRecord } from '../sql/json-record.js'
import type { StorageRecord } from '../storage-driver.js'
import { assumedAbsent } from './assumed-absent.js'
import { createTables } from './create-tables.js'
import { findTraits } from './engine-traits.js'
import { KnownValues } from './known-values.js'
import { PreparedStatement } from './prepared-statement.js'
import { type MoveOptions, RecentRecords } from './recent-records.js'
import { type OnDamaged, RecordTable } from './record-table.js'
import { scanBoth } from './scan-both.js'
import { toBytes } from './sqlite-bytes.js'
import type { SqliteDatabase } from './sqlite-database.js'
import { isBusy, isDamage, sqliteCode, sqliteError } from './sqlite-error.js'
import { begin, inTransaction, rollBack } from './transaction.js'

/**
 * So many pages, 16 MB, may be in the log before they are moved to the file. Most are written again and again, such as the ends
 * of indexes: with SQLite's own 1000 a run that goes alone pays twice as much for it.
 */
const LOG_PAGES = 4000

/** How long SQLite itself waits for a lock. Short, as it blocks the thread: longer waits are made of several. */
const BUSY_WAIT_MS = 20

/** Fewer than so many are read one by one: the statement that reads many costs more than a read. */
const LEAST_TOGETHER = 16

/** So many short transactions in a row are a sign that more follow. What is appended and moved at once is written twice. */
const CALM = 8

export interface SqliteRecordsOptions {
  /** @default 'FULL' */
  readonly synchronous?: 'FULL' | 'NORMAL' | undefined
  /** Whether nobody else has this connection. */
  readonly isOurs: boolean
  /** Pages of what was written last; when they are full it is moved. More than one transaction may take, which is 16. @default 256 */
  readonly slots?: number | undefined
}

/**
 * The records of one database: its transactions, all of it synchronous, so that nothing of this process can come between
 * the statements of one. A short transaction is appended to {@link RecentRecords}, any other written to {@link RecordTable}.
 */
export class SqliteRecords {
  readonly #file: string
  readonly #database: SqliteDatabase
  readonly #table: RecordTable
  readonly #recent: RecentRecords
  readonly #dataVersion: PreparedStatement
  /** Only of a connection that nobody else has: what others write through the same one changes no `data_version`. */
  readonly #known: KnownValues | undefined
  /** Short transactions since the last other one. */
  #calm = CALM
  /** `PRAGMA data_version` when the recent records were read: another one whenever another connection has changed the file. */
  #version: unknown

  constructor(
    database: SqliteDatabase,
    file: string,
    { synchronous = 'FULL', isOurs, slots }: SqliteRecordsOptions,
  ) {
    this.#file = file
    this.#database = database
    const traits = findTraits(database, isOurs)
    database.exec(`PRAGMA busy_timeout = ${BUSY_WAIT_MS}`)
    database.exec('PRAGMA journal_mode = WAL')
    // The two of macOS: without them its fsync leaves the data in the drive's cache.
    database.exec(
      `PRAGMA synchronous = ${synchronous}; PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON`,
    )
    database.exec('PRAGMA cell_size_check = ON')
    if (isOurs) database.exec(`PRAGMA wal_autocheckpoint = ${LOG_PAGES}`)
    createTables(database, file)
    this.#table = new RecordTable(database, traits)
    this.#recent = new RecentRecords(database, traits, file, slots)
    this.#dataVersion = new PreparedStatement(database, 'PRAGMA data_version', traits)
    this.#known = isOurs ? new KnownValues() : undefined
    this.#refresh()
  }

  get(key: string): unknown {
    this.#refresh()
    return this.#read(key)
  }

  scan(range: KeyRange, limit: number, isReverse: boolean, onDamaged: OnDamaged): StorageRecord[] {
    this.#refresh()
    // The table alone is at any time what everything was at one time.
    if (this.#recent.isEmpty) return this.#table.scan(range, limit, isReverse, onDamaged)
    begin(this.#database, 'DEFERRED')
    try {
      this.#refresh()
      return scanBoth(this.#recent, this.#table, range, limit, isReverse, onDamaged)
    } finally {
      rollBack(this.#database)
    }
  }

  /** Applies a group in one transaction. Returns, per commit, why it was refused; throws when the engine failed. */
  apply(commits: readonly CheckedCommit<string>[]): GroupOutcomes {
    return this.#apply(commits, assumedAbsent(commits))
  }

  /**
   * @param absent Keys that are inserted, and so found to be absent.
   * @param stuck Recent records that cannot be moved, as a page is damaged.
   */
  #apply(
    commits: readonly CheckedCommit<string>[],
    absent: ReadonlySet<string>,
    stuck?: ReadonlySet<string>,
  ): GroupOutcomes {
    let isCommitting = false
    begin(this.#database, 'IMMEDIATE')
    try {
      // Where several processes write, each would first have to read what the other has appended.
      const isAlone = !this.#refresh()
      this.#calm = isAlone && this.#recent.mayTake(commits) ? this.#calm + 1 : 0
      const appends = this.#known !== undefined && this.#calm > CALM && !this.#recent.isFull
      const missing = new Set<string>()
      let inserted = appends ? NONE : absent
      let folded = this.#fold(commits, inserted, missing)
      if (inserted.size > 0 && folded.outcomes.some((refusal) => refusal !== undefined)) {
        // Who is refused inserts nothing, so that it would not be found.
        inserted = NONE
        folded = this.#fold(commits, inserted, missing)
      }
      const appended = appends ? this.#recent.append(folded.records, missing) : undefined
      const written = appended ?? this.#write(folded, { inserted, stuck, erases: !isAlone })
      isCommitting = true
      this.#database.exec('COMMIT')
      written()
      this.#known?.committed(commits, folded)
      return folded.outcomes
    } catch (error) {
      this.#version = undefined
      rollBack(this.#database)
      if (absent.size > 0 && sqliteCode(error) === 'CONSTRAINT') return this.#apply(commits, NONE, stuck)
      // Frames of a transaction whose last write or flush failed may be on the disk all the same.
      if (isCommitting) throw sqliteError(error, this.#file, !isBusy(error) && sqliteCode(error) !== 'FULL')
      if (!stuck && isDamage(error) && !this.#recent.isEmpty) {
        return this.#apply(commits, absent, this.#recent.findStuck(this.#table))
      }
      if (commits.length === 1) throw error
      return commits.map((commit) => this.#applyAlone(commit))
    }
  }

  close(): void {
    attempt(() => this.#tidy())
    // libsql keeps the connection until its statements are collected, so SQLite's own checkpoint may come too late.
    attempt(() => this.#database.exec('PRAGMA wal_checkpoint(TRUNCATE)'))
    this.#database.close()
  }

  /** Leaves all records in one table, where this connection left them in two. */
  #tidy(): void {
    if (!this.#recent.hasAppended) return
    inTransaction(this.#database, () => {
      this.#refresh()
      this.#recent.moveTo(this.#table, { erases: true })
    })
  }

  /** Whether another connection has changed the file since; what is kept of it is then read anew. */
  #refresh(): boolean {
    const version = this.#dataVersion.value()
    if (version === this.#version) return false
    this.#version = undefined
    this.#known?.clear()
    this.#recent.load()
    this.#version = version
    return true
  }

  #read(key: string): unknown {
    return this.#recent.has(key) ? this.#recent.get(key) : this.#table.get(key)
  }

  /** Returns what is to be called when it has been committed. */
  #write(
    { deletedPrefixes, records }: FoldedCommits<string>,
    { inserted, ...how }: { readonly inserted: ReadonlySet<string> } & Omit<MoveOptions, 'isReplaced'>,
  ): () => void {
    const isReplaced = (key: string) =>
      (records.has(key) && !inserted.has(key)) || deletedPrefixes.some((prefix) => key.startsWith(prefix))
    const moved = this.#recent.moveTo(this.#table, { isReplaced, ...how })
    for (const prefix of deletedPrefixes) this.#table.deletePrefix(prefix)
    for (const [key, json] of records) {
      if (json === undefined) this.#table.delete(key)
      else if (inserted.has(key)) this.#table.insert(key, json)
      else this.#table.put(key, json, checksumOf(key, json))
    }
    return moved
  }

  /** After a group has failed: finds out which of its commits can be applied, such as all but the one that needs a damaged page. */
  #applyAlone(commit: CheckedCommit<string>): SystemError | undefined {
    try {
      return this.apply([commit])[0]
    } catch (error) {
      return sqliteError(error, this.#file)
    }
  }

  /** @param missing Takes the keys that are found to be absent. */
  #fold(
    commits: readonly CheckedCommit<string>[],
    absent: ReadonlySet<string>,
    missing: Set<string>,
  ): FoldedCommits<string> {
    const unread = this.#unread(commits, absent)
    const stored = unread.size < LEAST_TOGETHER ? undefined : this.#table.getMany([...unread])
    const find = (key: string): unknown => {
      if (this.#known?.has(key)) return this.#known.get(key)
      if (!stored || !unread.has(key)) return this.#read(key)
      const row = stored.get(key)
      return row && decodeRecord(key, toBytes(row.json), row.checksum)
    }
    const read = (key: string): unknown => {
      if (absent.has(key)) return undefined
      const value = find(key)
      if (value === undefined) missing.add(key)
      return value
    }
    return foldCommits(commits, read, JSON.parse)
  }

  /** What commits expect something of and only the table knows, to be read at once where it is much: a call of an engine costs more than a row. */
  #unread(commits: readonly CheckedCommit<string>[], absent: ReadonlySet<string>): ReadonlySet<string> {
    const expected = commits.reduce((sum, { expectations }) => sum + expectations.length, 0)
    if (expected < LEAST_TOGETHER) return NONE
    const unread = new Set<string>()
    for (const { expectations } of commits) {
      for (const { key } of expectations) {
        if (!absent.has(key) && !this.#known?.has(key) && !this.#recent.has(key)) unread.add(key)
      }
    }
    return unread
  }
}

const NONE: ReadonlySet<string> = new Set()

/** Does what may be left undone: another process is using the file, or a page of it is damaged. */
function attempt(action: () => unknown): void {
  try {
    action()
  } catch {
    // The file is then read together with its log, and what is recent in it.
  }
}
