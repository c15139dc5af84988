import { type Clock, type TimerHandle, systemClock } from '../core/clock.js'
import { type RunTimelineMeta, type TimelineStore, isFinished } from '../timeline/timeline-store.js'
import type { RunListener } from './inspector-source.js'
import { differs } from './model/newer-of.js'
import { tellChanged, tellFailed } from './tell-listener.js'

export interface RunWatchOptions {
  /** How often the store is asked, milliseconds. @default 500 */
  readonly intervalMs?: number
  /** @default the host's */
  readonly clock?: Clock
}

/** How many of the newest runs are looked at each time. */
const NEWEST = 50

/** How many are looked at beyond these where more have begun since the last time, and how many at a time. */
const MOST = 1000
const PAGE = 200

/** How many older runs that had not ended are looked at each time. */
const OLDER = 20

interface Look {
  readonly seen: readonly RunTimelineMeta[]
  /** The runs that were asked for one by one, also those that are gone. */
  readonly older: readonly RunTimelineMeta[]
}

/**
 * Finds out which runs of a store have changed, by asking it again and again: stores tell nobody. It asks only while
 * somebody listens, once for all who do, and never again before the last answer is there.
 */
export class RunWatch {
  readonly #store: Pick<TimelineStore, 'listRuns' | 'getRunMeta'>
  readonly #clock: Clock
  readonly #intervalMs: number
  readonly #listeners = new Set<RunListener>()
  /** The runs that may still change, and the newest, as they were last seen. */
  #known = new Map<string, RunTimelineMeta>()
  #timer: TimerHandle
  #isAsking = false

  constructor(
    store: Pick<TimelineStore, 'listRuns' | 'getRunMeta'>,
    { intervalMs = 500, clock = systemClock }: RunWatchOptions = {},
  ) {
    this.#store = store
    this.#clock = clock
    this.#intervalMs = intervalMs
  }

  get listenerCount(): number {
    return this.#listeners.size
  }

  subscribe(listener: RunListener): () => void {
    // One of its own, so that the same listener may subscribe twice.
    const own: RunListener = {
      changed: (runs) => tellChanged(listener, runs),
      failed: (error) => tellFailed(listener, error),
    }
    this.#listeners.add(own)
    if (this.#known.size > 0) own.changed([...this.#known.values()])
    if (!this.#isAsking && this.#timer === undefined) void this.#ask()
    return () => {
      this.#listeners.delete(own)
      if (this.#listeners.size > 0) return
      this.#clock.clearTimeout(this.#timer)
      this.#timer = undefined
      this.#known.clear()
    }
  }

  async #ask(): Promise<void> {
    this.#isAsking = true
    try {
      const look = await this.#look()
      // Nothing comes between taking and telling: who comes before is told by this, who comes after by what is known.
      const changed = this.#take(look)
      if (changed.length > 0) this.#tell((listener) => listener.changed(changed))
    } catch (error) {
      this.#tell((listener) => tellFailed(listener, error))
    }
    this.#isAsking = false
    // Who comes next is told what is there then.
    if (this.#listeners.size === 0) return this.#known.clear()
    this.#timer = this.#clock.setTimeout(() => {
      this.#timer = undefined
      void this.#ask()
    }, this.#intervalMs)
  }

  /** Those who are there now: one that comes while they are told knows it already. */
  #tell(how: (listener: RunListener) => void): void {
    for (const listener of [...this.#listeners]) if (this.#listeners.has(listener)) how(listener)
  }

  /** The newest runs, and some that are older and had not ended. */
  async #look(): Promise<Look> {
    const runs = await this.#newest()
    const newest = new Set(runs.map(({ runId }) => runId))
    const older = [...this.#known.values()]
      .filter(({ runId, status }) => !newest.has(runId) && !isFinished(status))
      .slice(0, OLDER)
    const again = await Promise.all(older.map(({ runId }) => this.#store.getRunMeta(runId)))
    return { seen: [...runs, ...again.filter((meta) => meta !== undefined)], older }
  }

  /** @returns Those that are new or have changed. */
  #take({ seen, older }: Look): readonly RunTimelineMeta[] {
    const known = this.#known
    const asked = new Set(older.map(({ runId }) => runId))
    const unseen = [...known.values()].filter(({ runId, status }) => !isFinished(status) && !asked.has(runId))
    this.#known = new Map([...unseen, ...seen].map((meta) => [meta.runId, meta]))
    return seen.filter((meta) => differs(meta, known.get(meta.runId)))
  }

  /** The newest runs, and where there are more that began since the last time, those too. */
  async #newest(): Promise<readonly RunTimelineMeta[]> {
    // Whoever has been told of nothing is told of what is recent.
    const since =
      this.#known.size === 0
        ? Infinity
        : Math.max(...Array.from(this.#known.values(), ({ startTime }) => startTime))
    let page = await this.#store.listRuns({ limit: NEWEST })
    const runs = [...page.runs]
    for (let last = runs.at(-1); last && runs.length < MOST; last = runs.at(-1)) {
      if (page.cursor === undefined || this.#known.has(last.runId) || last.startTime < since) break
      page = await this.#store.listRuns({ limit: PAGE, cursor: page.cursor })
      runs.push(...page.runs)
    }
    return runs
  }
}
