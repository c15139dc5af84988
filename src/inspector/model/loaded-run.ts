import { MemoryTimelineStore } from '../../timeline/memory-timeline-store.js'
import type { TimelineEvent } from '../../timeline/timeline-event.js'
import { TimelinePlayer } from '../../timeline/timeline-player.js'
import { type RunTimelineMeta, unknownRun } from '../../timeline/timeline-store.js'
import type { InspectorSource } from '../inspector-source.js'

/** How many events are asked for at a time. */
const PAGE = 2000

/** How many events are loaded by themselves; a page must not run out of memory because of one run. */
const MAX_EVENTS = 100_000

/**
 * A run with the events that were loaded so far, from the first on and without gaps. Its player reads what is loaded,
 * so a seek waits for nobody.
 */
export class LoadedRun {
  readonly runId: string
  readonly player: TimelinePlayer
  readonly #source: Pick<InspectorSource, 'getRunMeta' | 'getEvents'>
  readonly #store = new MemoryTimelineStore({ maxRuns: 1, maxEvents: Infinity })
  readonly #snapshotSeqs: number[] = []
  readonly #events: TimelineEvent[] = []
  #meta: RunTimelineMeta | undefined
  #loading: Promise<void> | undefined
  /** Somebody asked while it loads: what is loaded may be of before that. */
  #isAskedAgain = false

  constructor(source: Pick<InspectorSource, 'getRunMeta' | 'getEvents'>, runId: string) {
    this.#source = source
    this.runId = runId
    this.player = new TimelinePlayer(this.#store, runId)
  }

  /** What the source last said of the run; `undefined` before it did. */
  get meta(): RunTimelineMeta | undefined {
    return this.#meta
  }

  get events(): readonly TimelineEvent[] {
    return this.#events
  }

  /** Whether the run has more events than are loaded by themselves. */
  get isCut(): boolean {
    return this.#events.length >= MAX_EVENTS && (this.#meta?.eventCount ?? 0) > this.#events.length
  }

  /**
   * Loads what is missing, and tells after each page. Calls while it loads wait for the same, and for what has come until then.
   *
   * @throws {SystemError} `NOT_FOUND` when there is no such run, or what the source rejects with.
   */
  load(onProgress: () => void): Promise<void> {
    if (this.#loading) this.#isAskedAgain = true
    else this.#loading = this.#loadAll(onProgress).finally(() => (this.#loading = undefined))
    return this.#loading
  }

  async #loadAll(onProgress: () => void): Promise<void> {
    do {
      this.#isAskedAgain = false
      await this.#load(onProgress)
    } while (this.#isAskedAgain)
  }

  async #load(onProgress: () => void): Promise<void> {
    const meta = await this.#source.getRunMeta(this.runId)
    if (!meta) throw unknownRun(this.runId)
    this.#meta = meta
    const end = Math.min(meta.eventCount, MAX_EVENTS)
    do {
      const from = this.#events.length + 1
      const page =
        from > end ? [] : await this.#source.getEvents(this.runId, from, Math.min(from + PAGE - 1, end))
      await this.#take(page)
      onProgress()
      if (page.length === 0) break
    } while (this.#events.length < end)
  }

  async #take(page: readonly TimelineEvent[]): Promise<void> {
    for (const event of page) {
      this.#events.push(event)
      if (event.snapshot) this.#snapshotSeqs.push(event.seq)
    }
    const { snapshotInterval, status, ...facts } = this.#meta!
    // What is loaded is all that the player is to know of.
    const meta = {
      ...facts,
      status,
      snapshotInterval,
      eventCount: this.#events.length,
      snapshotSeqs: this.#snapshotSeqs.slice(),
    }
    await this.#store.append([{ meta, events: page }])
  }
}
