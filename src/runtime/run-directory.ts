import { ActiveRun } from './active-run.js'
import type { Ticket } from './modes/mode.js'
import type { RunLife } from './run-life.js'
import type { RunInfo } from './run-result.js'

/**
 * Finds runs by id: all that live, and the last ones that ended.
 *
 * Both are in one map, where what a run was takes the place of the run: a map that empties and fills all the time is
 * made anew by the engine again and again, and those it leaves behind keep every run that was in them from the cheap
 * garbage collection. It was a third of the time of a short run.
 */
export class RunDirectory {
  readonly #runs = new Map<string, ActiveRun | RunInfo>()
  /** Ids of the runs that ended: a ring, with the oldest at `#oldest` once it is full. */
  readonly #ended: string[] = []
  readonly #queued = new Map<Ticket, RunInfo>()
  readonly #queuedById = new Map<string, RunInfo>()
  /** Runs in the store that cannot go on here. */
  readonly #parked = new Map<string, RunInfo>()
  /** Ids of runs that are on their way in or out; of one that is asked for twice, twice. */
  readonly #moving: string[] = []
  readonly #maxEnded: number
  #oldest = 0

  /** @param maxEnded How many runs that ended are remembered. @default 1000 */
  constructor(maxEnded = 1000) {
    this.#maxEnded = maxEnded
  }

  /** An event waits for its turn: the run it may become. */
  queue(ticket: Ticket, info: RunInfo): void {
    this.#queued.set(ticket, info)
    this.#queuedById.set(info.runId, info)
  }

  /** Its turn has come, or never will. */
  dequeue(ticket: Ticket): void {
    const info = this.#queued.get(ticket)
    if (!info) return
    this.#queued.delete(ticket)
    this.#queuedById.delete(info.runId)
  }

  /** Runs that live, in the order in which they began. */
  live(): ActiveRun[] {
    return [...this.#runs.values()].filter((run): run is ActiveRun => run instanceof ActiveRun)
  }

  add(run: ActiveRun): void {
    this.#runs.set(run.runId, run)
    if (this.#parked.size > 0) this.#parked.delete(run.runId)
  }

  /** A run stays in the store, because of the `error` in its info. */
  park(info: RunInfo): void {
    this.#parked.set(info.runId, info)
  }

  /** Forgets those of a workflow that are parked no more: somebody else went on with them. */
  keepParked(workflowId: string, runIds: ReadonlySet<string>): void {
    for (const info of this.#parked.values()) {
      if (info.workflowId === workflowId && !runIds.has(info.runId)) this.#parked.delete(info.runId)
    }
  }

  /** A run that lives. */
  find(runId: string): ActiveRun | undefined {
    const run = this.#runs.get(runId)
    return run instanceof ActiveRun ? run : undefined
  }

  /** Sees to it that no recovery takes a run that is on its way in or out for one that nobody goes on with. */
  async whileMoving<Value>(runId: string, move: () => Promise<Value>): Promise<Value> {
    this.#moving.push(runId)
    try {
      return await move()
    } finally {
      this.#moving.splice(this.#moving.indexOf(runId), 1)
    }
  }

  /** Whether somebody here sees to that run. */
  isSeenTo(runId: string): boolean {
    return this.find(runId) !== undefined || this.#moving.includes(runId)
  }

  /** A run as it is now, or was when it ended. */
  info(runId: string): RunInfo | undefined {
    const run = this.#runs.get(runId) ?? this.#queuedById.get(runId) ?? this.#parked.get(runId)
    return run instanceof ActiveRun ? run.info() : run
  }

  end(run: RunLife): void {
    const { runId } = run
    if (this.#maxEnded === 0) {
      this.#runs.delete(runId)
      return
    }
    this.#runs.set(runId, run.info())
    if (this.#ended.length < this.#maxEnded) {
      this.#ended.push(runId)
      return
    }
    this.#runs.delete(this.#ended[this.#oldest]!)
    this.#ended[this.#oldest] = runId
    this.#oldest = (this.#oldest + 1) % this.#maxEnded
  }

  /** A run goes on elsewhere, or later. */
  leave(run: RunLife): void {
    this.#runs.delete(run.runId)
  }

  /**
   * Those that ended, in the order of their end, then those that live, then those that cannot go on here, then those that
   * wait for their turn.
   */
  list(): readonly RunInfo[] {
    const ended = [...this.#ended.slice(this.#oldest), ...this.#ended.slice(0, this.#oldest)]
    const live = this.live().map((run) => run.info())
    const known = ended.map((runId) => this.info(runId)!)
    return [...known, ...live, ...this.#parked.values(), ...this.#queued.values()]
  }
}
