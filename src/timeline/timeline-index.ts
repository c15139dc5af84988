import type { StorageDriver, StorageOperation } from '../storage/storage-driver.js'
import { type TimelineKeys, placeOf } from './timeline-keys.js'
import {
  type RunFilter,
  type RunTimelineMeta,
  TIMELINE_STATUSES,
  type TimelineStatus,
} from './timeline-store.js'

/** What an index knows of a run, as it was when its status last changed. */
export interface IndexEntry {
  readonly runId: string
  readonly workflowId: string
  readonly status: TimelineStatus
  readonly startTime: number
  readonly endTime?: number
  readonly eventCount: number
  readonly bytes: number
}

type Indexed = Pick<RunTimelineMeta, 'runId' | 'workflowId' | 'status' | 'startTime'>

/** Runs in the order in which they began: all, those of each workflow, and those of each status. */
export class TimelineIndex {
  readonly #driver: StorageDriver
  readonly #keys: TimelineKeys

  constructor(driver: StorageDriver, keys: TimelineKeys) {
    this.#driver = driver
    this.#keys = keys
  }

  /** What enters a run, and takes it out of the status in which it was entered before. */
  entering(meta: RunTimelineMeta, previousStatus: TimelineStatus | undefined): StorageOperation[] {
    const place = placeOf(meta)
    const operations: StorageOperation[] = []
    if (previousStatus !== undefined) {
      operations.push({ type: 'delete', key: this.#keys.index({ status: previousStatus }) + place })
    }
    // One value for all of them: it is encoded once.
    const value = toEntry(meta)
    for (const key of this.#keysOf(meta, place)) operations.push({ type: 'put', key, value })
    return operations
  }

  /** What takes a run out, whatever its status was when it was entered. */
  leaving(run: Indexed): StorageOperation[] {
    const { workflowId } = run
    const place = placeOf(run)
    const keys = TIMELINE_STATUSES.flatMap((status) => this.#keysOf({ workflowId, status }, place))
    return Array.from(new Set(keys), (key) => ({ type: 'delete', key }))
  }

  /** Entries of what the smallest index holds that has every run the filter asks for, the newest run first, or the oldest. */
  async *scan(
    filter: Pick<RunFilter, 'workflowId' | 'status'>,
    { start, reverse = true }: { readonly start?: string | undefined; readonly reverse?: boolean } = {},
  ): AsyncGenerator<IndexEntry> {
    const prefix = this.#keys.index(filter)
    let after = start === undefined ? undefined : prefix + start
    const limit = 200
    for (;;) {
      const scan = { prefix, reverse, limit, ...(after === undefined ? {} : { after }) }
      const page = await this.#driver.scan(scan)
      for (const { value } of page) yield value as IndexEntry
      if (page.length < limit) return
      after = page.at(-1)!.key
    }
  }

  #keysOf({ workflowId, status }: Pick<Indexed, 'workflowId' | 'status'>, place: string): readonly string[] {
    const keys = this.#keys
    return [keys.index({}) + place, keys.index({ workflowId }) + place, keys.index({ status }) + place]
  }
}

function toEntry(meta: RunTimelineMeta): IndexEntry {
  const { runId, workflowId, status, startTime, endTime, eventCount, bytes = 0 } = meta
  const entry = { runId, workflowId, status, startTime, eventCount, bytes }
  return endTime === undefined ? entry : Object.assign(entry, { endTime })
}
