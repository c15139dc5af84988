import type { RunnerHandle } from './runner-handle.js'
import type { RunnerOptions, RunnerUpdate } from '../runner/runner-options.js'
import type { CommandReply } from './worker-command-coordinator.js'
import type { WorkerManager } from './worker-manager.js'
import type { WorkerCore } from './worker-registry.js'

/** One worker in the client's hands. Its commands go to all runners on it; they never reject. */
export class WorkerHandle {
  readonly id: string
  readonly #manager: WorkerManager

  /** @internal */
  constructor(id: string, manager: WorkerManager) {
    this.id = id
    this.#manager = manager
  }

  /** What is known of it; `undefined` when it is gone. */
  get core(): WorkerCore | undefined {
    return this.#manager.registry.getWorkersCoreMap().get(this.id)
  }

  /**
   * Makes a runner on this worker. It stands in state `initializing` until `start`.
   *
   * @throws {SystemError} `VALIDATION` naming every option that is wrong; `NOT_FOUND` for a `testType` that the worker's
   *   script does not have, or when the worker is gone; `EXECUTION_FAILED` when making it failed.
   */
  addRunner(options: RunnerOptions): Promise<RunnerHandle> {
    return this.#manager.addRunner(options, this.id)
  }

  start(): Promise<CommandReply[]> {
    return this.#manager.startWorkers([this.id])
  }

  stop(): Promise<CommandReply[]> {
    return this.#manager.stopWorkers([this.id])
  }

  pause(): Promise<CommandReply[]> {
    return this.#manager.pauseWorkers([this.id])
  }

  resume(): Promise<CommandReply[]> {
    return this.#manager.resumeWorkers([this.id])
  }

  execute(): Promise<CommandReply[]> {
    return this.#manager.executeWorkers([this.id])
  }

  reset(): Promise<CommandReply[]> {
    return this.#manager.resetWorkers([this.id])
  }

  /** Terminates its runners, then the host. */
  terminate(): Promise<CommandReply[]> {
    return this.#manager.terminateWorkers([this.id])
  }

  update(update: RunnerUpdate): Promise<CommandReply[]> {
    return this.#manager.updateWorkers([this.id], update)
  }

  /** Takes nothing new, and ends the host when its runners and tasks have ended. */
  drain(): Promise<void> {
    return this.#manager.drainWorker(this.id)
  }
}
