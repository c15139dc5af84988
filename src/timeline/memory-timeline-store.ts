import { type Clock, systemClock } from '../core/clock.js'
import { deepFreeze } from '../core/deep-freeze.js'
import { Linked, LinkedList } from '../core/linked-list.js'
import { SystemError } from '../core/system-error.js'
import { EventLog } from './event-log.js'
import type { TimelineEvent } from './timeline-event.js'
import { placeOf } from './timeline-keys.js'
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

export interface MemoryTimelineStoreOptions {
  /** How many runs are kept. Beyond it the run that finished first makes room. At least 1. @default 1000 */
  readonly maxRuns?: number
  /** How many events are kept, over all runs; beyond it likewise. At least 1. @default 100_000 */
  readonly maxEvents?: number
  /** @default the host's */
  readonly clock?: Clock
}

/** What a run held that has been removed. */
const NOTHING = { meta: {} as RunTimelineMeta, log: new EventLog('', 1) }

class KeptRun extends Linked {
  meta: RunTimelineMeta
  log: EventLog

  constructor(meta: RunTimelineMeta, log: EventLog) {
    super()
    this.meta = meta
    this.log = log
  }

  /** Tables that the map of runs has outgrown hold it until the next full collection: it must not hold its events. */
  clear(): void {
    this.meta = NOTHING.meta
    this.log = NOTHING.log
  }
}

interface Added {
  /** Absent for one that is new. */
  readonly run: KeptRun | undefined
  readonly log: EventLog
  /** How many of its events are here already. */
  readonly skip: number
  /** How many are not. */
  readonly count: number
}

/**
 * Timelines in memory, bounded by runs and by events. States and deltas are kept by reference, so that a snapshot
 * costs nothing.
 *
 * Only finished runs make room for others, those that finished first before the rest; when there is none left to go,
 * `append` refuses with `CAPACITY`, and the recorder counts what it lost.
 */
export class MemoryTimelineStore implements TimelineStore {
  readonly #maxRuns: number
  readonly #maxEvents: number
  readonly #clock: Clock
  readonly #runs = new Map<string, KeptRun>()
  /** Runs that have finished, in the order in which they did. */
  readonly #finished = new LinkedList<KeptRun>()
  #eventCount = 0
  #evictedRuns = 0
  #evictedEvents = 0

  /** @throws {SystemError} `VALIDATION` when a bound is less than 1. */
  constructor({ maxRuns = 1000, maxEvents = 100_000, clock = systemClock }: MemoryTimelineStoreOptions = {}) {
    if (!(maxRuns >= 1) || !(maxEvents >= 1)) {
      throw new SystemError('VALIDATION', 'Cannot bound a timeline store below 1 run and 1 event')
    }
    this.#maxRuns = maxRuns
    this.#maxEvents = maxEvents
    this.#clock = clock
  }

  /** What is kept, and how much had to make room since the store was made. */
  get size(): { runs: number; events: number; evictedRuns: number; evictedEvents: number } {
    return {
      runs: this.#runs.size,
      events: this.#eventCount,
      evictedRuns: this.#evictedRuns,
      evictedEvents: this.#evictedEvents,
    }
  }

  async append(batches: readonly TimelineBatch[]): Promise<void> {
    assertDifferentRuns(batches)
    // Two passes, so that a batch that is refused leaves those before it out as well.
    const added = batches.map((batch) => this.#added(batch))
    this.#makeRoom(added)
    batches.forEach(({ meta }, index) => this.#put(meta, added[index]!))
    return Promise.resolve()
  }

  async getRunMeta(runId: string): Promise<RunTimelineMeta | undefined> {
    return Promise.resolve(this.#runs.get(runId)?.meta)
  }

  async listRuns(filter: RunFilter = {}): Promise<RunPage> {
    const { readRunFilter } = await import('./run-filter.js')
    const { workflowId, status, from, to, limit, cursor } = readRunFilter(filter)
    const found: { readonly place: string; readonly meta: RunTimelineMeta }[] = []
    for (const { meta } of this.#runs.values()) {
      if (workflowId !== undefined && meta.workflowId !== workflowId) continue
      if (status !== undefined && meta.status !== status) continue
      if (meta.startTime < from || meta.startTime > to) continue
      const place = placeOf(meta)
      if (cursor === undefined || place < cursor) found.push({ place, meta })
    }
    found.sort((a, b) => (a.place < b.place ? 1 : -1))
    const runs = found.slice(0, limit).map(({ meta }) => meta)
    return Promise.resolve(found.length > limit ? { runs, cursor: found[limit - 1]!.place } : { runs })
  }

  async getEvents(runId: string, from = 1, to = Infinity): Promise<readonly TimelineEvent[]> {
    const events = this.#runs.get(runId)?.log.toEvents(from, to) ?? []
    // Frozen on the way out, where it delays no run.
    return Promise.resolve(events.map(deepFreeze))
  }

  async getNearestSnapshot(runId: string, seq: number): Promise<TimelineSnapshot | undefined> {
    const run = this.#runs.get(runId)
    const at = run && lastAtMost(run.meta.snapshotSeqs, seq)
    const state = at === undefined ? undefined : run?.log.snapshotAt(at)
    return Promise.resolve(state && { seq: at!, state })
  }

  async deleteRun(runId: string): Promise<boolean> {
    const run = this.#runs.get(runId)
    if (run) this.#remove(run)
    return Promise.resolve(run !== undefined)
  }

  async prune(options: PruneOptions): Promise<PruneResult> {
    const { readPruneOptions } = await import('./prune-options.js')
    const { olderThanMs, maxRuns, maxBytes } = readPruneOptions(options)
    const oldest = this.#clock.now() - olderThanMs
    const estimate = maxBytes === Infinity ? undefined : (await import('./estimate-bytes.js')).estimateBytes
    // From here on nothing waits: what is counted is what is there when it is deleted.
    const sizes = new Map<string, number>()
    let bytes = 0
    if (estimate) {
      for (const [runId, { log }] of this.#runs) {
        const size = estimate(log.toEvents())
        sizes.set(runId, size)
        bytes += size
      }
    }
    const pruned = { runs: 0, events: 0 }
    const byPlace = Array.from(this.#runs.values(), (run) => ({ place: placeOf(run.meta), run }))
    byPlace.sort((a, b) => (a.place < b.place ? -1 : 1))
    for (const { run } of byPlace) {
      const { meta, log } = run
      if (!isFinished(meta.status)) continue
      const isTooOld = (meta.endTime ?? meta.startTime) < oldest
      if (!isTooOld && this.#runs.size <= maxRuns && bytes <= maxBytes) continue
      bytes -= sizes.get(meta.runId) ?? 0
      pruned.runs++
      pruned.events += log.length
      this.#remove(run)
    }
    return pruned
  }

  async *exportRun(runId: string): AsyncIterable<string> {
    const { exportLines } = await import('./timeline-ndjson.js')
    yield* exportLines(this, runId)
  }

  async importRun(source: TextChunks): Promise<RunTimelineMeta> {
    const { parseExport } = await import('./timeline-ndjson.js')
    const batch = await parseExport(source)
    const { runId } = batch.meta
    if (this.#runs.has(runId)) {
      throw new SystemError('DUPLICATE_KEY', `Cannot import run "${runId}": its timeline is here already`, {
        context: { runId },
      })
    }
    await this.append([batch])
    return batch.meta
  }

  /** What of a batch is not here yet. */
  #added(batch: TimelineBatch): Added {
    const { runId, eventCount } = batch.meta
    const run = this.#runs.get(runId)
    const next = (run?.log.length ?? 0) + 1
    const added = batch.log ?? EventLog.of(runId, batch.events)
    const first = added.length > 0 ? added.first : eventCount + 1
    if (first > next) throw missingEvent(runId, next, first)
    const skip = added.length === 0 ? 0 : Math.min(added.length, next - added.first)
    return { run, log: added, skip, count: added.length - skip }
  }

  #makeRoom(added: readonly Added[]): void {
    let runs = this.#runs.size
    let events = this.#eventCount
    for (const { run, count } of added) {
      if (!run) runs++
      events += count
    }
    if (runs <= this.#maxRuns && events <= this.#maxEvents) return
    const touched = added.map(({ run }) => run).filter((run) => run !== undefined)
    const leaving: KeptRun[] = []
    for (let run = this.#finished.first; run; run = run.after) {
      if (runs <= this.#maxRuns && events <= this.#maxEvents) break
      if (touched.includes(run)) continue
      leaving.push(run)
      runs--
      events -= run.log.length
    }
    if (runs > this.#maxRuns || events > this.#maxEvents) {
      throw new SystemError(
        'CAPACITY',
        `Cannot keep more than ${this.#maxRuns} runs and ${this.#maxEvents} events: raise "maxRuns" or "maxEvents"`,
      )
    }
    for (const run of leaving) {
      this.#evictedRuns++
      this.#evictedEvents += run.log.length
      this.#remove(run)
    }
  }

  #put(meta: RunTimelineMeta, { run: known, log, skip, count }: Added): void {
    const run = known ?? new KeptRun(meta, log)
    if (known) {
      known.meta = meta
      known.log.append(log, skip)
    } else this.#runs.set(meta.runId, run)
    this.#eventCount += count
    if (isFinished(meta.status)) this.#finished.add(run)
  }

  #remove(run: KeptRun): void {
    this.#runs.delete(run.meta.runId)
    this.#finished.delete(run)
    this.#eventCount -= run.log.length
    run.clear()
  }
}
