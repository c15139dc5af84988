import { type Clock, systemClock } from '../core/clock.js'
import { SystemError, isSystemError } from '../core/system-error.js'
import type { StorageDriver, StorageOperation } from '../storage/storage-driver.js'
import { estimateBytes } from './estimate-bytes.js'
import { type EventRecord, eventsOf, splitEvents, toEventRecord } from './event-record.js'
import { readPruneOptions } from './prune-options.js'
import { readRunFilter } from './run-filter.js'
import type { TimelineEvent } from './timeline-event.js'
import { type IndexEntry, TimelineIndex } from './timeline-index.js'
import { TimelineKeys, placeAt, placeOf } from './timeline-keys.js'
import {
  type PruneOptions,
  type PruneResult,
  type RunFilter,
  type RunPage,
  type RunTimelineMeta,
  type TextChunks,
  type TimelineBatch,
  type TimelineSnapshot,
  type TimelineStore,
  assertDifferentRuns,
  isFinished,
  lastAtMost,
  missingEvent,
} from './timeline-store.js'

export interface StoredTimelineStoreOptions {
  /** What every key begins with; timelines of two applications in one database need two. @default 'timeline/' */
  readonly prefix?: string
  /** @default the host's */
  readonly clock?: Clock
}

/** The layout of the records, stamped on each run. A reader refuses what is newer than itself. */
const LAYOUT = 2

interface StoredRun {
  readonly layout: number
  readonly meta: RunTimelineMeta
}

/** What stores a batch. */
export interface TimelineWrites {
  /** The run as it is known once they are committed. */
  readonly meta: RunTimelineMeta
  readonly operations: readonly StorageOperation[]
}

/** The size of a run up to an event, so that a batch that is written twice counts once. */
interface Measured {
  readonly seq: number
  readonly bytes: number
}

/**
 * Timelines in any store of records: memory, IndexedDB, SQLite, Postgres. An append of any number of runs is one
 * commit, whose durability is the driver's.
 *
 * {@link writes} gives the writes instead of doing them, so that the events of a run and its checkpoint are
 * committed together.
 */
export class StoredTimelineStore implements TimelineStore {
  readonly #driver: StorageDriver
  readonly #keys: TimelineKeys
  readonly #index: TimelineIndex
  readonly #clock: Clock
  readonly #measured = new Map<string, Measured>()
  #pruning: Promise<unknown> = Promise.resolve()

  constructor(
    driver: StorageDriver,
    { prefix = 'timeline/', clock = systemClock }: StoredTimelineStoreOptions = {},
  ) {
    this.#driver = driver
    this.#keys = new TimelineKeys(prefix)
    this.#index = new TimelineIndex(driver, this.#keys)
    this.#clock = clock
  }

  async append(batches: readonly TimelineBatch[]): Promise<void> {
    assertDifferentRuns(batches)
    if (batches.length === 0) return
    // Each time: it may be deleted meanwhile, and a request may arrive late. What goes on with a run that is gone would be a run that
    // nobody can read.
    const goingOn = batches.filter(({ previousStatus }) => previousStatus !== undefined)
    const unmeasured = goingOn.filter(({ meta }) => !this.#measured.has(meta.runId))
    const areThere = goingOn.map(({ meta }) => this.#expectLayout(meta.runId, LAYOUT))
    const operations = batches.flatMap((batch) => this.writes(batch).operations)
    try {
      await this.#driver.commit([...areThere, ...operations])
    } catch (error) {
      for (const { meta } of unmeasured) this.#measured.delete(meta.runId)
      if (goingOn.length === 0 || !isConflict(error)) throw error
      for (const { meta } of goingOn) {
        const isThere = (await this.#driver.get(this.#keys.run(meta.runId))) !== undefined
        if (!isThere) throw missingEvent(meta.runId, 1, meta.eventCount)
      }
      // An older Busline stored them.
      await this.#driver.commit(operations)
    }
  }

  /** What stores a batch, to be put into a commit with other records. The same batch may be asked for again. */
  writes(batch: TimelineBatch): TimelineWrites {
    const { events, previousStatus } = batch
    const sizes = events.map(estimateBytes)
    const meta = this.#measure(batch, sizes)
    const { runId } = meta
    const operations: StorageOperation[] = splitEvents(events, sizes).map((part) => ({
      type: 'put',
      key: this.#keys.eventsFrom(runId, part[0]!.seq),
      value: toEventRecord(part),
    }))
    if (isOnlyFurther(batch, events)) return { meta, operations }
    const value: StoredRun = { layout: LAYOUT, meta }
    operations.push({ type: 'put', key: this.#keys.run(runId), value })
    if (previousStatus !== meta.status) operations.push(...this.#index.entering(meta, previousStatus))
    return { meta, operations }
  }

  async getRunMeta(runId: string): Promise<RunTimelineMeta | undefined> {
    const stored = (await this.#driver.get(this.#keys.run(runId))) as StoredRun | undefined
    if (stored === undefined) return undefined
    if (stored.layout <= LAYOUT)
      return isFinished(stored.meta.status) ? stored.meta : this.#caughtUp(stored.meta)
    throw new SystemError(
      'VERSION_MISMATCH',
      `Cannot read the timeline of run "${runId}": a newer Busline stored it (layout ${stored.layout}, known: ${LAYOUT}); update this one`,
      { context: { runId, layout: stored.layout } },
    )
  }

  async listRuns(filter: RunFilter = {}): Promise<RunPage> {
    const { workflowId, status, from, to, limit, cursor } = readRunFilter(filter)
    // A place knows whole milliseconds from 0 on; what began within one stands by its id.
    const earliest = placeAt(from)
    const starts = [cursor, to === Infinity ? undefined : placeAt(Math.max(0, to) + 1)]
    const start = starts.filter((place) => place !== undefined).sort()[0]
    const runs: RunTimelineMeta[] = []
    for await (const entry of this.#index.scan(filter, { start })) {
      const { startTime } = entry
      if (placeAt(startTime) < earliest) break
      if (startTime < from || startTime > to) continue
      if (workflowId !== undefined && entry.workflowId !== workflowId) continue
      if (status !== undefined && entry.status !== status) continue
      const meta = await this.getRunMeta(entry.runId)
      // An entry may be left over from a commit whose outcome was not known.
      if (meta === undefined || (status !== undefined && meta.status !== status)) continue
      if (runs.length === limit) return { runs, cursor: placeOf(runs[limit - 1]!) }
      runs.push(meta)
    }
    return { runs }
  }

  async getEvents(runId: string, from = 1, to = Infinity): Promise<readonly TimelineEvent[]> {
    if (to < 1 || to < from) return []
    const prefix = this.#keys.events(runId)
    // The record that holds `from` begins there or before it.
    const [first] =
      from <= 1
        ? []
        : await this.#driver.scan({
            prefix,
            after: this.#keys.eventsFrom(runId, from + 1),
            reverse: true,
            limit: 1,
          })
    const events = first ? eventsOf(runId, first.value as EventRecord, from, to) : []
    let after = first?.key
    let last = events.at(-1)?.seq ?? 0
    while (last < to) {
      const limit = 16
      const page = await this.#driver.scan(after === undefined ? { prefix, limit } : { prefix, after, limit })
      for (const { value } of page) {
        // Batches that overlapped left records that do.
        events.push(...eventsOf(runId, value as EventRecord, Math.max(from, last + 1), to))
        last = events.at(-1)?.seq ?? 0
      }
      if (page.length < limit) break
      after = page.at(-1)!.key
    }
    return events
  }

  async getNearestSnapshot(runId: string, seq: number): Promise<TimelineSnapshot | undefined> {
    const meta = await this.getRunMeta(runId)
    const at = meta && lastAtMost(meta.snapshotSeqs, seq)
    if (at === undefined) return undefined
    const [event] = await this.getEvents(runId, at, at)
    return event?.snapshot && { seq: at, state: event.snapshot }
  }

  async deleteRun(runId: string): Promise<boolean> {
    const meta = await this.getRunMeta(runId)
    // Made when it is sent: what is appended in between would count as going on with a run that is there.
    if (meta) await this.#driver.commit(this.#deletion(meta))
    return meta !== undefined
  }

  /** What deletes a run, to be put into a commit with other records; empty when there is none. */
  async deletion(runId: string): Promise<readonly StorageOperation[]> {
    const meta = await this.getRunMeta(runId)
    return meta ? this.#deletion(meta) : []
  }

  async prune(options: PruneOptions): Promise<PruneResult> {
    const bounds = readPruneOptions(options)
    // One that begins while another deletes would count runs that are about to go, and delete as many again.
    const result = this.#pruning.then(() => this.#prune(bounds))
    this.#pruning = result.catch(() => {})
    return result
  }

  async *exportRun(runId: string): AsyncIterable<string> {
    const { exportLines } = await import('./timeline-ndjson.js')
    yield* exportLines(this, runId)
  }

  async importRun(source: TextChunks): Promise<RunTimelineMeta> {
    const { parseExport } = await import('./timeline-ndjson.js')
    const batch = await parseExport(source)
    const { runId } = batch.meta
    const isAbsent = this.#expectLayout(runId, undefined)
    try {
      await this.#driver.commit([isAbsent, ...this.writes(batch).operations])
    } catch (cause) {
      if (!isConflict(cause)) throw cause
      throw new SystemError('DUPLICATE_KEY', `Cannot import run "${runId}": its timeline is here already`, {
        cause,
        context: { runId },
      })
    }
    return batch.meta
  }

  async #prune({
    olderThanMs,
    maxRuns,
    maxBytes,
  }: ReturnType<typeof readPruneOptions>): Promise<PruneResult> {
    const oldest = this.#clock.now() - olderThanMs
    const lastPlace = placeAt(oldest)
    const pruned = { runs: 0, events: 0 }
    let runs = 0
    let bytes = 0
    if (maxRuns < Infinity || maxBytes < Infinity) {
      for await (const entry of this.#index.scan({})) {
        runs++
        bytes += entry.bytes
      }
    }
    for await (const entry of this.#index.scan({}, { reverse: false })) {
      const { startTime, endTime = startTime, status } = entry
      const isWithin = runs <= maxRuns && bytes <= maxBytes
      // Who began later has not ended before that either.
      if (isWithin && placeAt(startTime) > lastPlace) break
      if (!isFinished(status) || (isWithin && endTime >= oldest)) continue
      runs--
      bytes -= entry.bytes
      // A commit per run: each is whole, and none is so large that others wait for it.
      await this.#driver.commit(this.#deletion(entry))
      pruned.runs++
      pruned.events += entry.eventCount
    }
    return pruned
  }

  #expectLayout(runId: string, layout: number | undefined): StorageOperation {
    return { type: 'expect', key: this.#keys.run(runId), field: 'layout', equals: layout }
  }

  #deletion(run: RunTimelineMeta | IndexEntry): StorageOperation[] {
    this.#measured.delete(run.runId)
    return [
      { type: 'delete', key: this.#keys.run(run.runId) },
      { type: 'deletePrefix', prefix: this.#keys.events(run.runId) },
      ...this.#index.leaving(run),
    ]
  }

  /** What is known of a run that goes on, with what its events say that were stored since that was. */
  async #caughtUp(meta: RunTimelineMeta): Promise<RunTimelineMeta> {
    const events = await this.getEvents(meta.runId, meta.eventCount + 1)
    const last = events.at(-1)
    if (!last) return meta
    const bytes = events.reduce((sum, event) => sum + estimateBytes(event), meta.bytes ?? 0)
    return { ...meta, eventCount: last.seq, bytes }
  }

  /** The meta with the bytes of the run so far. */
  #measure({ meta, events }: TimelineBatch, sizes: readonly number[]): RunTimelineMeta {
    const known = this.#measured.get(meta.runId) ?? {
      seq: meta.eventCount - events.length,
      bytes: meta.bytes ?? 0,
    }
    let { bytes } = known
    events.forEach(({ seq }, index) => {
      if (seq > known.seq) bytes += sizes[index]!
    })
    if (isFinished(meta.status)) this.#measured.delete(meta.runId)
    else this.#measured.set(meta.runId, { seq: meta.eventCount, bytes })
    return Object.assign({}, meta, { bytes })
  }
}

function isConflict(error: unknown): boolean {
  return isSystemError(error) && error.code === 'CONFLICT'
}

/**
 * Whether all that changes in what is known of a run is how far it has come: its events say that, and it is a third of what
 * would be written at each boundary.
 */
function isOnlyFurther({ meta, previousStatus }: TimelineBatch, events: readonly TimelineEvent[]): boolean {
  if (previousStatus !== meta.status || isFinished(meta.status) || meta.lostEvents !== undefined) return false
  return events.length > 0 && events.every(({ snapshot }) => snapshot === undefined)
}
