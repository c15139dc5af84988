import type { IdSource } from '../../core/ids.js'
import { type SystemError, isSystemError } from '../../core/system-error.js'
import type { StorageDriver, StorageOperation, StorageRecord } from '../../storage/storage-driver.js'
import { recordKeys } from './record-keys.js'
import type { HistoryRecord } from './run-record.js'

const KEY = 'history-totals'

/** An end may reach the store later than it says, as commits wait and clocks differ: what is younger is counted anew each time. */
const SETTLING_MS = 60_000

/** After so long all is counted again: an end that came later still was missed. */
const RECOUNT_MS = 3_600_000

interface TotalsRecord {
  /** Another with each change. */
  readonly version: string
  /** The last that was counted, by its key; empty when none was. */
  readonly upTo: string
  readonly runs: number
  readonly bytes: number
  /** When all was counted, epoch milliseconds. */
  readonly countedAt: number
}

const NOTHING_COUNTED = { upTo: '', runs: 0, bytes: 0, countedAt: 0 }

export interface TotalsHost {
  readonly driver: StorageDriver
  readonly ids: IdSource
  now(): number
}

/**
 * How many runs have ended and not been removed, and how large they are, carried along in the store: so that whoever
 * removes some need not count all that stay.
 *
 * Whatever is removed goes in one commit with what is left, and only while nobody else has removed anything since this was
 * read. So no run goes because others were counted that are gone, whoever dies, or removes at the same time. What
 * was missed, having come too late, is found when all is counted again: until then so much more stays.
 */
export class HistoryTotals {
  readonly #host: TotalsHost
  /** What the store holds. */
  #version: string | undefined
  #now: Omit<TotalsRecord, 'version'>
  #isStored: boolean

  private constructor(host: TotalsHost, stored: TotalsRecord | undefined) {
    this.#host = host
    this.#version = stored?.version
    this.#isStored = stored === undefined || isTrusted(stored, host.now())
    this.#now = stored !== undefined && this.#isStored ? stored : NOTHING_COUNTED
  }

  static async read(host: TotalsHost): Promise<HistoryTotals> {
    try {
      return new HistoryTotals(host, (await host.driver.get(KEY)) as TotalsRecord | undefined)
    } catch (error) {
      if (!isUnreadable(error)) throw error
      // All can be counted again.
      await host.driver.commit([{ type: 'delete', key: KEY }])
      return new HistoryTotals(host, undefined)
    }
  }

  /**
   * All there is now.
   *
   * @param pages The history after a key, or all of it, in order.
   */
  async count(
    pages: (after: string | undefined) => AsyncIterable<readonly StorageRecord[]>,
  ): Promise<{ readonly runs: number; readonly bytes: number }> {
    const now = this.#host.now()
    const countedAt = this.#now.upTo === '' ? now : this.#now.countedAt
    let { upTo, runs, bytes } = this.#now
    let recentRuns = 0
    let recentBytes = 0
    for await (const page of pages(upTo || undefined)) {
      for (const { key, value } of page) {
        const run = value as HistoryRecord
        if (recordKeys.instantOf(key) < now - SETTLING_MS) {
          upTo = key
          runs++
          bytes += run.bytes
        } else {
          recentRuns++
          recentBytes += run.bytes
        }
      }
    }
    if (upTo !== this.#now.upTo) this.#isStored = false
    this.#now = { upTo, runs, bytes, countedAt }
    return { runs: runs + recentRuns, bytes: bytes + recentBytes }
  }

  /**
   * Commits that these are removed. Rejects with `CONFLICT`, and nothing is done, when somebody else has removed any since
   * the totals were read: they are to be read again.
   */
  async remove(gone: readonly StorageRecord[], operations: readonly StorageOperation[]): Promise<void> {
    const { upTo, countedAt } = this.#now
    let { runs, bytes } = this.#now
    for (const { key, value } of gone) {
      if (key > upTo) continue
      runs--
      bytes -= (value as HistoryRecord).bytes
    }
    // Some of what goes may have come too late to be counted.
    const left = { upTo, runs: Math.max(0, runs), bytes: Math.max(0, bytes), countedAt }
    const version = this.#host.ids()
    const value: TotalsRecord = { version, ...left }
    await this.#host.driver.commit([
      { type: 'expect', key: KEY, field: 'version', equals: this.#version },
      ...operations,
      { type: 'put', key: KEY, value },
    ])
    this.#version = version
    this.#now = left
    this.#isStored = true
  }

  /**
   * Commits what was counted, where that is not done yet; also that nothing is, when what was stored is not trusted: the
   * clock will pass it, and nobody could tell any more that ends were put before it.
   */
  async keep(): Promise<void> {
    if (!this.#isStored) await this.remove([], [])
  }
}

/** Not where all is to be counted again, nor where the clock was set back: ends are now put before what was counted. */
function isTrusted({ upTo, countedAt }: TotalsRecord, now: number): boolean {
  if (upTo === '') return true
  return Math.abs(now - countedAt) < RECOUNT_MS && recordKeys.instantOf(upTo) < now
}

/** Whether the fault is that of one record, which stays as it is; not of the store. */
export function isUnreadable(error: unknown): error is SystemError {
  return isSystemError(error) && (error.context.reason === 'damaged' || error.context.reason === 'no-key')
}
