import type { TimerHandle } from '../../core/clock.js'
import { serializeError } from '../../core/system-error.js'
import { type ArchiveEntry, type ArchiveFilter, ArchiveManager } from './archive-manager.js'
import { Emitter } from './emitter.js'
import { RunnerHandle } from './runner-handle.js'
import { AsyncRunnerInstanceManager } from './runner-instance-manager.js'
import { RunnerLifecycleManager } from './runner-lifecycle-manager.js'
import type { RunnerOptions, RunnerUpdate } from '../runner/runner-options.js'
import type { TaskHosts } from '../executor/task-hosts.js'
import { type CommandReply, WorkerCommandCoordinator } from './worker-command-coordinator.js'
import { WorkerHandle } from './worker-handle.js'
import { WorkerInstanceManager } from './worker-instance-manager.js'
import type { WorkerManagerEvents } from './worker-manager-events.js'
import {
  type ManagerSettings,
  type WorkerManagerOptions,
  readManagerOptions,
} from './worker-manager-options.js'
import type { AddWorkerOptions } from './worker-options.js'
import { type WorkerCore, WorkerRegistry } from './worker-registry.js'
import { WorkerStateSynchroniser } from './worker-state-synchroniser.js'

/**
 * Many hosts, many runners, one place to command them from. Commands go down, states and telemetry come up.
 *
 * The commands come in two scopes: `xRunners(workerId, runnerIds)` and `xWorkers(workerIds)`; a list that is left out means
 * all. They never reject: there is one reply per runner that was addressed, in the order asked.
 */
export class WorkerManager {
  /** Which workers and live runners there are, as far as is known at this moment. */
  readonly registry = new WorkerRegistry()
  /** For an executor of tasks. */
  readonly taskHosts: TaskHosts
  readonly #settings: ManagerSettings
  readonly #events: Emitter<WorkerManagerEvents>
  readonly #archive: ArchiveManager
  readonly #synchroniser: WorkerStateSynchroniser
  readonly #instances: WorkerInstanceManager
  readonly #runners: AsyncRunnerInstanceManager
  readonly #coordinator: WorkerCommandCoordinator
  readonly #idleSince = new Map<string, number>()
  #sweepTimer: TimerHandle
  #closing: Promise<void> | undefined

  /** @throws {SystemError} `VALIDATION` naming every option that is wrong. */
  constructor(options: WorkerManagerOptions) {
    const settings = readManagerOptions(options)
    const { logger, maxArchiveListLength, archiveStorage, archivePrefix, minWorkers } = settings
    const { registry } = this
    this.#settings = settings
    this.#events = new Emitter((error) =>
      logger.error('A listener of the worker manager failed', { error: serializeError(error) }),
    )
    this.#archive = new ArchiveManager({
      maxLength: maxArchiveListLength,
      storage: archiveStorage,
      prefix: archivePrefix,
      onFault: (error) => logger.error('The archive of runners failed', { error: serializeError(error) }),
    })
    const lifecycle = new RunnerLifecycleManager(
      settings,
      registry,
      this.#archive,
      this.#events,
      // One that has just come to its end refuses; that is what was wanted.
      ({ workerId, runnerId }) => void this.stopRunners(workerId, [runnerId]),
    )
    this.#synchroniser = new WorkerStateSynchroniser(registry, lifecycle)
    this.#instances = new WorkerInstanceManager({
      settings,
      registry,
      lifecycle,
      synchroniser: this.#synchroniser,
      events: this.#events,
    })
    this.taskHosts = this.#instances
    this.#runners = new AsyncRunnerInstanceManager(settings, registry, this.#instances)
    this.#coordinator = new WorkerCommandCoordinator(settings, registry, {
      killWorker: (worker, runnerIds, cause) => this.#instances.killForTerminate(worker, runnerIds, cause),
    })
    for (let count = 0; count < minWorkers; count++) this.#warmUp()
    this.#sweepLater()
  }

  /** @returns how to stop listening. */
  on<Type extends keyof WorkerManagerEvents>(
    type: Type,
    listener: (payload: WorkerManagerEvents[Type]) => void,
  ): () => void {
    return this.#events.on(type, listener)
  }

  /** @throws {SystemError} `UNAVAILABLE` when the host does not start, `CAPACITY` beyond `maxWorkers`; nothing is left of it then. */
  async addWorker(options: AddWorkerOptions = {}): Promise<WorkerHandle> {
    const { id } = await this.#instances.addWorker(options)
    return new WorkerHandle(id, this)
  }

  /**
   * Makes a runner. Without a worker, placement chooses one, and a host is added while there are fewer than `maxWorkers`.
   *
   * @throws {SystemError} as `WorkerHandle.addRunner`; `CAPACITY` when no worker takes it.
   */
  async addRunner(options: RunnerOptions, workerId?: string): Promise<RunnerHandle> {
    return new RunnerHandle(await this.#runners.addRunner(options, workerId), this.#coordinator)
  }

  /** After a query to all workers. One that does not answer does not keep the others back: what is known of it is marked as stale. */
  async getWorkers(): Promise<readonly WorkerHandle[]> {
    await this.#synchroniser.syncAllWorkers()
    return [...this.registry.getWorkersMap().keys()].map((id) => new WorkerHandle(id, this))
  }

  /** As `getWorkers`, as plain data. */
  async getWorkersCore(): Promise<readonly WorkerCore[]> {
    await this.#synchroniser.syncAllWorkers()
    return [...this.registry.getWorkersCoreMap().values()]
  }

  /** The runners that have ended, the oldest first. */
  getArchiveList(filter: ArchiveFilter = {}): Promise<readonly ArchiveEntry[]> {
    return this.#archive.getArchiveList(filter)
  }

  startWorkers(workerIds?: readonly string[]): Promise<CommandReply[]> {
    return this.#coordinator.commandWorkers('start', workerIds)
  }

  startRunners(workerId: string, runnerIds?: readonly string[]): Promise<CommandReply[]> {
    return this.#coordinator.commandRunners('start', workerId, runnerIds)
  }

  stopWorkers(workerIds?: readonly string[]): Promise<CommandReply[]> {
    return this.#coordinator.commandWorkers('stop', workerIds)
  }

  stopRunners(workerId: string, runnerIds?: readonly string[]): Promise<CommandReply[]> {
    return this.#coordinator.commandRunners('stop', workerId, runnerIds)
  }

  pauseWorkers(workerIds?: readonly string[]): Promise<CommandReply[]> {
    return this.#coordinator.commandWorkers('pause', workerIds)
  }

  pauseRunners(workerId: string, runnerIds?: readonly string[]): Promise<CommandReply[]> {
    return this.#coordinator.commandRunners('pause', workerId, runnerIds)
  }

  resumeWorkers(workerIds?: readonly string[]): Promise<CommandReply[]> {
    return this.#coordinator.commandWorkers('resume', workerIds)
  }

  resumeRunners(workerId: string, runnerIds?: readonly string[]): Promise<CommandReply[]> {
    return this.#coordinator.commandRunners('resume', workerId, runnerIds)
  }

  executeWorkers(workerIds?: readonly string[]): Promise<CommandReply[]> {
    return this.#coordinator.commandWorkers('execute', workerIds)
  }

  executeRunners(workerId: string, runnerIds?: readonly string[]): Promise<CommandReply[]> {
    return this.#coordinator.commandRunners('execute', workerId, runnerIds)
  }

  resetWorkers(workerIds?: readonly string[]): Promise<CommandReply[]> {
    return this.#coordinator.commandWorkers('reset', workerIds)
  }

  resetRunners(workerId: string, runnerIds?: readonly string[]): Promise<CommandReply[]> {
    return this.#coordinator.commandRunners('reset', workerId, runnerIds)
  }

  updateWorkers(workerIds: readonly string[] | undefined, update: RunnerUpdate): Promise<CommandReply[]> {
    return this.#coordinator.commandWorkers('update', workerIds, update)
  }

  updateRunners(
    workerId: string,
    runnerIds: readonly string[] | undefined,
    update: RunnerUpdate,
  ): Promise<CommandReply[]> {
    return this.#coordinator.commandRunners('update', workerId, runnerIds, update)
  }

  /** Terminates the runners of these workers, then their hosts, which leave the registry and are not replaced. */
  async terminateWorkers(
    workerIds: readonly string[] = [...this.registry.getWorkersMap().keys()],
  ): Promise<CommandReply[]> {
    const known = workerIds.filter((workerId) => this.registry.getWorker(workerId))
    for (const workerId of known) this.#instances.leave(workerId)
    const replies = await this.#coordinator.commandWorkers('terminate', workerIds)
    const left = known.filter((workerId) => this.registry.getWorker(workerId))
    await Promise.all(left.map((workerId) => this.#instances.removeWorker(workerId)))
    return replies
  }

  terminateRunners(workerId: string, runnerIds?: readonly string[]): Promise<CommandReply[]> {
    return this.#coordinator.commandRunners('terminate', workerId, runnerIds)
  }

  /** The worker takes nothing new; its host ends when its runners and tasks have ended. @throws {SystemError} `NOT_FOUND` */
  async drainWorker(workerId: string): Promise<void> {
    const worker = this.#instances.leave(workerId)
    await new Promise<void>((resolve) => {
      const check = () => {
        if (this.registry.runnerCount(workerId) > 0 || worker.activeTasks > 0) return
        finish()
      }
      const stops = [this.on('archived', check), worker.onTaskMessage(() => queueMicrotask(check))]
      const finish = () => {
        for (const stop of stops) stop()
        resolve()
      }
      stops.push(worker.onLost(finish))
      check()
    })
    if (this.registry.getWorker(workerId)) await this.#instances.removeWorker(workerId)
  }

  /** Terminates everything and lets go of it: no thread and no timer is left. May be called again. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    this.#settings.clock.clearTimeout(this.#sweepTimer)
    this.#instances.takeNothing()
    await this.terminateWorkers()
    await this.#instances.close()
    await this.#archive.settled()
  }

  #warmUp(): void {
    this.#instances.addWorker().catch((error: unknown) => {
      this.#settings.logger.error('A worker of minWorkers could not be started', {
        error: serializeError(error),
      })
    })
  }

  /** Lets hosts go that have had nothing to do for `idleTimeout`. */
  #sweepLater(): void {
    const { idleTimeoutMs, clock } = this.#settings
    if (idleTimeoutMs === Infinity) return
    this.#sweepTimer = clock.setTimeout(
      () => {
        this.#sweep()
        this.#sweepLater()
      },
      Math.max(1, idleTimeoutMs / 2),
    )
  }

  #sweep(): void {
    const { idleTimeoutMs, clock, minWorkers } = this.#settings
    const now = clock.now()
    for (const id of this.#idleSince.keys()) {
      if (!this.registry.getWorker(id)) this.#idleSince.delete(id)
    }
    for (const worker of this.registry.available()) {
      if (this.registry.runnerCount(worker.id) > 0 || worker.activeTasks > 0) {
        this.#idleSince.delete(worker.id)
        continue
      }
      const since = this.#idleSince.get(worker.id) ?? now
      this.#idleSince.set(worker.id, since)
      if (now - since < idleTimeoutMs || this.registry.available().length <= minWorkers) continue
      this.#idleSince.delete(worker.id)
      void this.#instances.removeWorker(worker.id)
    }
  }
}
