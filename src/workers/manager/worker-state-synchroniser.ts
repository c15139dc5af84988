import type { RunnerReport } from '../messages/protocol.js'
import type { RunnerLifecycleManager } from './runner-lifecycle-manager.js'
import type { WorkerInstance } from './worker-instance.js'
import type { WorkerRegistry } from './worker-registry.js'

/**
 * Asks workers how their runners stand. Queries that come at the same time share one round; a worker that does not
 * answer keeps what is known of it, marked as stale, and the query returns.
 */
export class WorkerStateSynchroniser {
  readonly #registry: WorkerRegistry
  readonly #lifecycle: RunnerLifecycleManager
  #round: Promise<void> | undefined

  constructor(registry: WorkerRegistry, lifecycle: RunnerLifecycleManager) {
    this.#registry = registry
    this.#lifecycle = lifecycle
  }

  /** Never rejects. */
  syncAllWorkers(): Promise<void> {
    this.#round ??= this.#ask().finally(() => (this.#round = undefined))
    return this.#round
  }

  /** Never rejects. */
  async syncWorker(worker: WorkerInstance): Promise<void> {
    if (worker.status !== 'ready' && worker.status !== 'draining') return
    try {
      const reports = (await worker.request('getRunners', {})) as readonly RunnerReport[]
      worker.isStale = false
      for (const report of reports) this.#take(worker, report)
    } catch {
      worker.isStale = true
    }
  }

  async #ask(): Promise<void> {
    await Promise.all([...this.#registry.getWorkersMap().values()].map((worker) => this.syncWorker(worker)))
  }

  #take(worker: WorkerInstance, report: RunnerReport): void {
    const { runnerId } = report
    const isKnown =
      this.#registry.getRunner(worker.id, runnerId) ?? this.#registry.getEndState(worker.id, runnerId)
    if (isKnown !== undefined) {
      this.#lifecycle.onReport(worker.id, report)
      return
    }
    // Whoever added it was told that it took too long: nobody else will end it.
    worker
      .request('command', { command: 'terminate', runnerIds: [runnerId], timeoutMs: 1000 })
      .catch(() => {})
  }
}
