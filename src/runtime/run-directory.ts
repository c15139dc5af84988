import type { ActiveRun } from './active-run.js'
import type { RunInfo } from './run-result.js'

/** Finds runs by id: all that live, and the last ones that ended. */
export class RunDirectory {
  readonly #live = new Map<string, ActiveRun>()
  readonly #ended = new Map<string, RunInfo>()
  readonly #maxEnded: number

  /** @param maxEnded How many runs that ended are remembered. @default 1000 */
  constructor(maxEnded = 1000) {
    this.#maxEnded = maxEnded
  }

  get live(): Iterable<ActiveRun> {
    return this.#live.values()
  }

  get size(): number {
    return this.#live.size
  }

  add(run: ActiveRun): void {
    this.#live.set(run.runId, run)
  }

  find(runId: string): ActiveRun | undefined {
    return this.#live.get(runId)
  }

  /** A run as it is now, or was when it ended. */
  info(runId: string): RunInfo | undefined {
    return this.#live.get(runId)?.info() ?? this.#ended.get(runId)
  }

  end(run: ActiveRun): void {
    this.#live.delete(run.runId)
    if (this.#maxEnded === 0) return
    if (this.#ended.size >= this.#maxEnded) {
      const [oldest] = this.#ended.keys()
      this.#ended.delete(oldest!)
    }
    this.#ended.set(run.runId, run.info())
  }

  list(): readonly RunInfo[] {
    return [...this.#ended.values(), ...[...this.#live.values()].map((run) => run.info())]
  }
}
