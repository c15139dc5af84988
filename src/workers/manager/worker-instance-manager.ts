import { SystemError, describe, isSystemError, reviveError, serializeError } from '../../core/system-error.js'
import { checkTravels } from '../messages/check-travel.js'
import type { Emitter } from './emitter.js'
import { HostSupervisor } from './host-supervisor.js'
import { PROTOCOL_VERSION, type WireMessage, type WorkerEvents } from '../messages/protocol.js'
import { executionFailed, uncloneable, unknownWorker, workerError } from '../runner/runner-errors.js'
import type { RunnerLifecycleManager } from './runner-lifecycle-manager.js'
import type { TaskHosts } from '../executor/task-hosts.js'
import { WorkerInstance } from './worker-instance.js'
import type { WorkerManagerEvents } from './worker-manager-events.js'
import type { ManagerSettings } from './worker-manager-options.js'
import type { AddWorkerOptions } from './worker-options.js'
import type { WorkerRegistry } from './worker-registry.js'
import type { WorkerStateSynchroniser } from './worker-state-synchroniser.js'

export interface InstanceManagerParts {
  readonly settings: ManagerSettings
  readonly registry: WorkerRegistry
  readonly lifecycle: RunnerLifecycleManager
  readonly synchroniser: WorkerStateSynchroniser
  readonly events: Emitter<WorkerManagerEvents>
}

/**
 * Opens hosts, wires what they tell, replaces those that were lost, and ends them.
 *
 * N1. A host is in the registry from the moment it is opened until it is lost.
 * N2. After `close` no host, no timer and no restart is left.
 */
export class WorkerInstanceManager implements TaskHosts {
  readonly #parts: InstanceManagerParts
  readonly #supervisor: HostSupervisor
  /** Hosts that are to go: nobody replaces them. */
  readonly #leaving = new Set<string>()
  /** Runners that were to be terminated when their host was ended by force. */
  readonly #terminated = new Map<string, ReadonlySet<string>>()
  readonly #replacements = new Map<string, { readonly replaces: string; readonly attempt: number }>()
  readonly #ending = new Set<Promise<void>>()
  #closed = false

  constructor(parts: InstanceManagerParts) {
    this.#parts = parts
    this.#supervisor = new HostSupervisor(parts.settings.clock, parts.settings.restart)
  }

  /** Resolves when the host has answered the handshake. @throws {SystemError} when it cannot be opened; nothing is left of it then. */
  async addWorker(options: AddWorkerOptions = {}): Promise<WorkerInstance> {
    const { registry, settings } = this.#parts
    this.refuseClosed()
    if (registry.getWorkersMap().size >= settings.maxWorkers) {
      throw workerError(
        'CAPACITY',
        'QUEUE_FULL',
        `There are ${settings.maxWorkers} workers already: raise maxWorkers`,
        {
          maxWorkers: settings.maxWorkers,
        },
      )
    }
    const worker = this.#openWorker(options)
    await worker.ready
    return worker
  }

  list(): readonly WorkerInstance[] {
    return this.#parts.registry.available()
  }

  get canGrow(): boolean {
    return !this.#closed && this.#parts.registry.getWorkersMap().size < this.#parts.settings.maxGrowth
  }

  grow(): Promise<WorkerInstance> | undefined {
    return this.canGrow ? this.addWorker() : undefined
  }

  /** Resolves when no host is starting any more. */
  async started(): Promise<void> {
    const starting = [...this.#parts.registry.getWorkersMap().values()].filter(
      ({ status }) => status === 'starting',
    )
    await Promise.allSettled(starting.map(({ ready }) => ready))
  }

  get isStarting(): boolean {
    return [...this.#parts.registry.getWorkersMap().values()].some(({ status }) => status === 'starting')
  }

  async kill(workerId: string, reason: SystemError): Promise<void> {
    await this.#parts.registry.getWorker(workerId)?.kill(reason)
  }

  /** Ends a host that does not answer a terminate: these runners are terminated, the others on it are lost. */
  async killForTerminate(
    worker: WorkerInstance,
    runnerIds: readonly string[],
    cause: SystemError,
  ): Promise<void> {
    this.#terminated.set(worker.id, new Set(runnerIds))
    const reason = workerError(
      'UNAVAILABLE',
      'WORKER_LOST',
      `Worker "${worker.id}" was ended by force: it did not answer terminate`,
      { workerId: worker.id },
      cause,
    )
    await worker.kill(reason)
  }

  /** From now on it takes nothing new, and is not replaced. @throws {SystemError} `NOT_FOUND` */
  leave(workerId: string): WorkerInstance {
    const worker = this.#parts.registry.getWorker(workerId)
    if (!worker) throw unknownWorker(workerId)
    this.#leaving.add(workerId)
    worker.leave()
    return worker
  }

  /** Ends a host in order: nothing replaces it. */
  async removeWorker(workerId: string): Promise<void> {
    await this.leave(workerId).kill(undefined)
  }

  /** From now on no host is opened, nor one replaced. */
  takeNothing(): void {
    this.#closed = true
    this.#supervisor.close()
  }

  async close(): Promise<void> {
    this.takeNothing()
    const { registry } = this.#parts
    await Promise.all([...registry.getWorkersMap().keys()].map((workerId) => this.removeWorker(workerId)))
    await Promise.all(this.#ending)
  }

  #openWorker(
    options: AddWorkerOptions,
    replacement?: { readonly replaces: string; readonly attempt: number },
  ) {
    const { settings, registry } = this.#parts
    const factory = options.mocked ? settings.mockedHost : settings.host
    if (!factory) {
      const message = 'needs the option mockedHost of the manager, such as inProcessHost(…)'
      throw new SystemError('VALIDATION', `Cannot add a worker: "mocked" ${message}`, {
        context: { issues: [{ path: 'mocked', message }] },
      })
    }
    const id = settings.ids()
    if (replacement) this.#replacements.set(id, replacement)
    // A host may be lost while it is being opened: the registry must not take it in after that.
    const worker = new WorkerInstance(id, options, factory, settings, {
      onEvent: (instance, event) => this.#onEvent(instance, event),
      onError: (instance, error) => this.#onError(instance, error),
      onLost: (instance, error) => this.#onLost(instance, error),
    })
    if (worker.status !== 'lost') registry.addWorker(worker)
    worker.ready.then(
      () => this.#onReady(worker),
      () => {},
    )
    return worker
  }

  #onReady(worker: WorkerInstance): void {
    const { events } = this.#parts
    const replacement = this.#replacements.get(worker.id)
    events.emit('workerReady', { workerId: worker.id })
    if (replacement) events.emit('workerRestart', { workerId: worker.id, ...replacement })
  }

  #onEvent(worker: WorkerInstance, { id, command, payload }: WireMessage): void {
    const { lifecycle, synchroniser } = this.#parts
    switch (command as keyof WorkerEvents) {
      case 'stateChange':
        if (lifecycle.onStateChange(payload as WorkerEvents['stateChange']).isGap)
          void synchroniser.syncWorker(worker)
        break
      case 'telemetry':
        for (const batch of payload as WorkerEvents['telemetry']) lifecycle.onTelemetry(worker.id, batch)
        break
      case 'log':
        lifecycle.onLog(worker.id, payload as WorkerEvents['log'])
        break
      case 'call':
        void this.#onCall(worker, id, payload as WorkerEvents['call'])
        break
      case 'fault':
        this.#onError(worker, toFault(worker.id, (payload as WorkerEvents['fault']).error))
        break
      default:
        this.#onError(
          worker,
          new SystemError('VALIDATION', `Worker "${worker.id}" sent the unknown event ${command}`),
        )
    }
  }

  async #onCall(
    worker: WorkerInstance,
    id: number,
    { runnerId, name, payload }: WorkerEvents['call'],
  ): Promise<void> {
    const { handlers } = this.#parts.settings
    const base = { v: PROTOCOL_VERSION, id } as const
    let answer: unknown
    try {
      if (!Object.hasOwn(handlers, name)) throw unknownHandler(name, Object.keys(handlers))
      answer = await handlers[name]!(payload, { runnerId, workerId: worker.id })
      checkTravels(answer, 'answer')
    } catch (error) {
      const failure = isSystemError(error) ? error : executionFailed(`The handler "${name}"`, error, { name })
      worker.post({ ...base, ok: false, error: serializeError(failure) })
      return
    }
    try {
      worker.post({ ...base, ok: true, payload: answer })
    } catch (error) {
      const failure = uncloneable(`the answer of the handler "${name}"`, error)
      worker.post({ ...base, ok: false, error: serializeError(failure) })
    }
  }

  #onError(worker: WorkerInstance, error: SystemError): void {
    const { events, settings } = this.#parts
    settings.logger.warn(`Worker "${worker.id}": ${error.message}`, { error: serializeError(error) })
    events.emit('workerError', { workerId: worker.id, error })
  }

  #onLost(worker: WorkerInstance, error: SystemError | undefined): void {
    const { lifecycle, registry, events, settings } = this.#parts
    const { id } = worker
    const isLeaving = this.#leaving.delete(id)
    // One that never was ready and replaces nothing is told of by `addWorker`.
    const wasFirstStart = !worker.wasReady
    lifecycle.onWorkerLost(id, isLeaving ? undefined : error, this.#terminated.get(id) ?? new Set())
    this.#terminated.delete(id)
    registry.deleteWorker(id)
    events.emit('workerExit', { workerId: id, ...(error && !isLeaving && { error }) })
    this.#track(worker)
    const isReplacement = this.#replacements.delete(id)
    if (!error || isLeaving || this.#closed || (wasFirstStart && !isReplacement)) return
    const verdict = this.#supervisor.judge(settings.clock.now() - worker.startedAt)
    if (verdict.action === 'restart') {
      const { attempt, delayMs } = verdict
      this.#supervisor.after(delayMs, () => this.#openWorker(worker.options, { replaces: id, attempt }))
    } else if (verdict.action === 'giveUp') {
      events.emit('giveUp', { workerId: id, error: gaveUp(id, verdict.restarts, error) })
    }
  }

  /** `close` waits until the thread is really gone. */
  #track(worker: WorkerInstance): void {
    const end = worker.kill(undefined).finally(() => this.#ending.delete(end))
    this.#ending.add(end)
  }

  /** @throws {SystemError} `UNAVAILABLE` once it was closed. */
  refuseClosed(): void {
    if (!this.#closed) return
    throw new SystemError('UNAVAILABLE', 'The worker manager is closed: create a new one')
  }
}

function toFault(workerId: string, error: WorkerEvents['fault']['error']): SystemError {
  const cause = reviveError(error)
  if (isSystemError(cause)) return cause
  return new SystemError(
    'EXECUTION_FAILED',
    `Nobody handled a failure in worker "${workerId}": ${describe(cause)}`,
    {
      cause,
      context: { workerId },
    },
  )
}

function unknownHandler(name: string, allowed: readonly string[]): SystemError {
  const list = allowed.length > 0 ? `allowed are ${allowed.join(', ')}` : 'give the manager `handlers`'
  return new SystemError('NOT_FOUND', `There is no handler "${name}": ${list}`, {
    context: { name, allowed },
  })
}

function gaveUp(workerId: string, restarts: number, cause: SystemError): SystemError {
  return workerError(
    'UNAVAILABLE',
    'WORKER_LOST',
    `Worker "${workerId}" is not replaced: there were ${restarts} restarts within the window of restart.within`,
    { workerId, restarts },
    cause,
  )
}
