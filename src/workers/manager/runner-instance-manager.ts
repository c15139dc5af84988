import { SystemError, isSystemError, serializeError } from '../../core/system-error.js'
import { checkRunnerOptions } from '../runner/check-options.js'
import { executionFailed, unknownWorker, workerError } from '../runner/runner-errors.js'
import type { RunnerOptions } from '../runner/runner-options.js'
import { RunnerRecord } from './runner-record.js'
import type { WorkerInstanceManager } from './worker-instance-manager.js'
import type { ManagerSettings } from './worker-manager-options.js'
import type { WorkerRegistry } from './worker-registry.js'

/** Brings runners to workers: chooses the worker where none is given, and sees to it that nothing is left of one that could not be made. */
export class AsyncRunnerInstanceManager {
  readonly #settings: Pick<ManagerSettings, 'clock' | 'ids' | 'placement' | 'logger'>
  readonly #registry: WorkerRegistry
  readonly #instances: WorkerInstanceManager

  constructor(
    settings: Pick<ManagerSettings, 'clock' | 'ids' | 'placement' | 'logger'>,
    registry: WorkerRegistry,
    instances: WorkerInstanceManager,
  ) {
    this.#settings = settings
    this.#registry = registry
    this.#instances = instances
  }

  /** @param workerId @default where placement wants it @throws {SystemError} as `WorkerHandle.addRunner` does. */
  async addRunner(given: RunnerOptions, workerId?: string): Promise<RunnerRecord> {
    const options = checkRunnerOptions(given)
    const record = workerId === undefined ? await this.#place(options) : this.#register(workerId, options)
    try {
      const worker = this.#registry.getWorker(record.workerId)
      // Since it was chosen, a turn has gone by.
      if (!worker) throw lost(record.workerId)
      await worker.request('addRunner', { runnerId: record.runnerId, options })
      return record
    } catch (error) {
      this.#registry.deleteRunner(record, false)
      throw isSystemError(error)
        ? error
        : executionFailed('Adding the runner', error, { workerId: record.workerId })
    }
  }

  /** Makes it known before it is asked for: placement counts it from now on, and what its worker tells of it comes before the reply. */
  #register(workerId: string, options: RunnerOptions): RunnerRecord {
    const { clock, ids, logger } = this.#settings
    const worker = this.#registry.getWorker(workerId)
    if (!worker) throw unknownWorker(workerId)
    if (worker.status === 'draining') {
      throw new SystemError('INVALID_COMMAND', `Worker "${workerId}" takes no runners: it is to go`, {
        context: { workerId },
      })
    }
    const onFault = (error: unknown) =>
      logger.error('A listener of a runner failed', { error: serializeError(error) })
    const record = new RunnerRecord(ids(), workerId, options, clock.now(), onFault)
    this.#registry.addRunner(record)
    return record
  }

  async #place(options: RunnerOptions): Promise<RunnerRecord> {
    for (;;) {
      const candidates = this.#registry.available().map((worker) => ({
        workerId: worker.id,
        runners: this.#registry.runnerCount(worker.id),
        activeTasks: worker.activeTasks,
        utilization: worker.utilization(),
        tags: worker.options.tags ?? [],
      }))
      const chosen = this.#settings.placement(candidates, { canGrow: this.#instances.canGrow })
      if (chosen !== null) return this.#register(chosen, options)
      const grown = this.#instances.grow()
      if (grown) {
        const { id } = await grown
        if (!this.#registry.getWorker(id)) throw lost(id)
        return this.#register(id, options)
      }
      if (!this.#instances.isStarting) {
        this.#instances.refuseClosed()
        throw workerError(
          'CAPACITY',
          'QUEUE_FULL',
          'No worker takes the runner: raise maxWorkers, or add one',
        )
      }
      await this.#instances.started()
    }
  }
}

function lost(workerId: string): SystemError {
  return workerError('UNAVAILABLE', 'WORKER_LOST', `Worker "${workerId}" was lost before it had the runner`, {
    workerId,
  })
}
