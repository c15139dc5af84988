import { SystemError } from '../../core/system-error.js'
import { IdMap } from '../id-map.js'
import type { HeldRequest } from './held-request.js'
import { PooledWorker, type WorkerRegistration } from './pooled-worker.js'
import { leastLoaded, selectWorker } from './select-worker.js'
import type { RemovedWorker, WorkerCriteria, WorkerInfo, WorkerStatus } from './worker-info.js'

export interface WorkerPoolOptions {
  /** Silence after which a worker is `unhealthy`, milliseconds; three times that and it counts as dead. @default 60000 */
  readonly heartbeatTimeoutMs?: number
}

/** How many times `heartbeatTimeoutMs` a worker may be silent before it is dead. */
const DEAD_AFTER = 3

/** What {@link WorkerPool.check} found out. */
export interface HealthCheck {
  /** Ids of those that have become unhealthy just now. */
  readonly unhealthy: readonly string[]
  /** Ids of those that are dead and should be removed. */
  readonly dead: readonly string[]
}

/**
 * Which workers there are and what each has in hand: the bookkeeping alone, without sockets, timers or a clock of its own.
 * The present instant is handed in where it matters.
 *
 * - P1 A request is counted on one worker at most, once.
 * - P2 A worker's active requests are the requests it was given and has not returned; slots never go below 0.
 * - P3 A request leaves with its release or with its worker, once.
 */
export class WorkerPool {
  readonly #heartbeatTimeoutMs: number
  readonly #workers = new Map<string, PooledWorker>()
  /** In the order of their ids; made anew after somebody came or went. */
  #inOrder: readonly PooledWorker[] | undefined
  readonly #held = new IdMap<HeldRequest<PooledWorker>>()

  /** @throws {SystemError} `VALIDATION` when `heartbeatTimeoutMs` is not above 0. */
  constructor({ heartbeatTimeoutMs = 60_000 }: WorkerPoolOptions = {}) {
    if (!(heartbeatTimeoutMs > 0)) {
      throw new SystemError(
        'VALIDATION',
        `"heartbeatTimeoutMs" must be a number above 0: it is ${heartbeatTimeoutMs}`,
      )
    }
    this.#heartbeatTimeoutMs = heartbeatTimeoutMs
  }

  /** Takes a worker in. One of the same id leaves for it, and is returned. */
  register(registration: WorkerRegistration, now: number): RemovedWorker | undefined {
    const replaced = this.remove(registration.id)
    this.#workers.set(registration.id, new PooledWorker(registration, now))
    this.#inOrder = undefined
    return replaced
  }

  remove(workerId: string): RemovedWorker | undefined {
    const worker = this.#workers.get(workerId)
    if (!worker) return undefined
    const removed = { worker: worker.toInfo(), pendingRequestIds: worker.pendingRequestIds }
    for (const requestId of removed.pendingRequestIds) this.#held.delete(requestId)
    this.#workers.delete(workerId)
    this.#inOrder = undefined
    return removed
  }

  /** Takes note that a worker lives; `false` if it is not known. Heals one that was unhealthy. */
  heartbeat(workerId: string, now: number): boolean {
    const worker = this.#workers.get(workerId)
    if (!worker) return false
    worker.lastHeartbeat = now
    worker.isHealthy = true
    return true
  }

  /** Looks who was silent for too long. A clock that was set back makes nobody silent. */
  check(now: number): HealthCheck {
    const unhealthy: string[] = []
    const dead: string[] = []
    for (const worker of this.#workers.values()) {
      if (worker.lastHeartbeat > now) worker.lastHeartbeat = now
      const silentMs = now - worker.lastHeartbeat
      if (silentMs <= this.#heartbeatTimeoutMs) continue
      if (worker.isHealthy) unhealthy.push(worker.id)
      worker.isHealthy = false
      if (silentMs > this.#heartbeatTimeoutMs * DEAD_AFTER) dead.push(worker.id)
    }
    return { unhealthy, dead }
  }

  /** A worker whose connection is cut or does not answer is given nothing, and keeps what it has. */
  setReachable(workerId: string, isReachable: boolean): void {
    const worker = this.#workers.get(workerId)
    if (worker) worker.isReachable = isReachable
  }

  isHealthy(workerId: string): boolean {
    return this.#workers.get(workerId)?.isHealthy ?? false
  }

  isDraining(workerId: string): boolean {
    return this.#workers.get(workerId)?.isDraining ?? false
  }

  isReachable(workerId: string): boolean {
    return this.#workers.get(workerId)?.isReachable ?? false
  }

  /** From now on it is given nothing, until it is gone. */
  drain(workerId: string): boolean {
    const worker = this.#workers.get(workerId)
    if (worker) worker.isDraining = true
    return worker !== undefined
  }

  /**
   * Counts a request on a worker; a second time changes nothing.
   *
   * @returns `false` when the worker is not known, or the request is counted on another one.
   */
  trackRequest(workerId: string, requestId: string, category?: string): boolean {
    const worker = this.#workers.get(workerId)
    if (!worker) return false
    const held = this.#held.get(requestId)
    if (held) return held.holder === worker
    this.#held.set(requestId, worker.track(requestId, category))
    return true
  }

  /** Gives the slot back. @returns the worker that had it; `undefined` for a request that is not known. */
  releaseRequest(
    requestId: string,
    { incrementCompleted = false }: { readonly incrementCompleted?: boolean } = {},
  ): string | undefined {
    const request = this.#held.take(requestId)
    if (!request) return undefined
    const { holder } = request
    holder.release(request)
    if (incrementCompleted) holder.completed++
    return holder.id
  }

  /** The worker that has a request in hand. */
  workerOf(requestId: string): string | undefined {
    return this.#held.get(requestId)?.holder.id
  }

  /** The id of the worker to choose, see `selectWorker`. With `among`, of that one only. */
  select(criteria: WorkerCriteria, among?: string): string | undefined {
    if (among === undefined) return selectWorker(this.#sorted(), criteria)?.id
    const worker = this.#workers.get(among)
    return worker && selectWorker([worker], criteria)?.id
  }

  /** Whether anybody, free or not, has announced a task. */
  hasTask(task: string): boolean {
    for (const worker of this.#workers.values()) if (worker.knows(task)) return true
    return false
  }

  getAvailableWorker(model: string, category?: string): WorkerInfo | undefined {
    return selectWorker(this.#sorted(), { model, category })?.toInfo()
  }

  /** Whatever its models, busy ones included. */
  getAnyAvailableWorker(): WorkerInfo | undefined {
    return leastLoaded(this.#sorted())?.toInfo()
  }

  /** How many more requests could be given out at once. */
  getAvailableSlotCount(model: string, category?: string): number {
    let slots = 0
    for (const worker of this.#workers.values()) {
      if (worker.status === 'available' && worker.modelFit(model) > 0) slots += worker.freeSlotsFor(category)
    }
    return slots
  }

  getWorkerCount(): number {
    return this.#workers.size
  }

  getAvailableWorkerCount(): number {
    let count = 0
    for (const { status } of this.#workers.values()) if (status === 'available') count++
    return count
  }

  /** How many workers there are of each status; cheap, whatever they have in hand. */
  countByStatus(): Readonly<Record<WorkerStatus, number>> {
    const counts = { available: 0, busy: 0, draining: 0, unhealthy: 0 }
    for (const { status } of this.#workers.values()) counts[status]++
    return counts
  }

  getWorkerInfo(): readonly WorkerInfo[] {
    return this.#sorted().map((worker) => worker.toInfo())
  }

  getWorker(workerId: string): WorkerInfo | undefined {
    return this.#workers.get(workerId)?.toInfo()
  }

  /** How many requests are in hand. */
  get activeRequests(): number {
    return this.#held.size
  }

  #sorted(): readonly PooledWorker[] {
    this.#inOrder ??= [...this.#workers.values()].sort((one, other) => (one.id < other.id ? -1 : 1))
    return this.#inOrder
  }
}
