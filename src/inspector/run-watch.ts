import { type Clock, type TimerHandle, systemClock } from '../core/clock.js'
import { SystemError, describe, isSystemError } from '../core/system-error.js'
import { type RunTimelineMeta, type TimelineStore, isFinished } from '../timeline/timeline-store.js'
import type { RunListener } from './inspector-source.js'

export interface RunWatchOptions {
  /** How often the store is asked, milliseconds. @default 500 */
  readonly intervalMs?: number
  /** @default the host's */
  readonly clock?: Clock
}

/** How many of the newest runs are looked at each time. */
const NEWEST = 50

/** How many older runs that had not ended are looked at each time. */
const OLDER = 20

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
      changed: (runs) => listener.changed(runs),
      failed: (error) => listener.failed?.(error),
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
      const changed = await this.#changes()
      if (changed.length > 0) for (const listener of this.#listeners) listener.changed(changed)
    } catch (error) {
      const fault = toFault(error)
      for (const listener of this.#listeners) listener.failed?.(fault)
    }
    this.#isAsking = false
    if (this.#listeners.size === 0) return
    this.#timer = this.#clock.setTimeout(() => {
      this.#timer = undefined
      void this.#ask()
    }, this.#intervalMs)
  }

  async #changes(): Promise<readonly RunTimelineMeta[]> {
    const { runs } = await this.#store.listRuns({ limit: NEWEST })
    const newest = new Set(runs.map(({ runId }) => runId))
    const older = [...this.#known.values()]
      .filter(({ runId, status }) => !newest.has(runId) && !isFinished(status))
      .slice(0, OLDER)
    const again = await Promise.all(older.map(({ runId }) => this.#store.getRunMeta(runId)))
    const seen = [...runs, ...again.filter((meta) => meta !== undefined)]
    const changed = seen.filter((meta) => differs(meta, this.#known.get(meta.runId)))
    const unseen = [...this.#known.values()].filter(
      ({ runId, status }) => !isFinished(status) && !older.some((each) => each.runId === runId),
    )
    this.#known = new Map([...unseen, ...seen].map((meta) => [meta.runId, meta]))
    return changed
  }
}

function differs(meta: RunTimelineMeta, known: RunTimelineMeta | undefined): boolean {
  return (
    meta.status !== known?.status ||
    meta.eventCount !== known.eventCount ||
    meta.lostEvents !== known.lostEvents
  )
}

/** Anything thrown as a `SystemError`. */
export function toFault(error: unknown): SystemError {
  if (isSystemError(error)) return error
  return new SystemError('UNAVAILABLE', `The source does not answer: ${describe(error)}`, { cause: error })
}
