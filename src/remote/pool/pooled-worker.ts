import { LinkedList } from '../../core/linked-list.js'
import type { WorkerCapabilities } from '../protocol/messages.js'
import { HeldRequest } from './held-request.js'
import type { WorkerCriteria, WorkerInfo, WorkerStatus } from './worker-info.js'

/** What a worker gives when it registers. */
export interface WorkerRegistration {
  readonly id: string
  readonly name: string
  readonly capabilities: WorkerCapabilities
  readonly sessionId: string
  /** @default 1 */
  readonly protocol?: number | undefined
}

/** No worker takes more at once, whatever it claims. */
const MAX_SLOTS = 100_000

/**
 * One worker in the pool. Its status follows from what is known of it and is nowhere kept, so nothing can hide that it is
 * unhealthy; slots are whole numbers from 0, whatever it claims.
 */
export class PooledWorker {
  readonly id: string
  readonly name: string
  readonly capabilities: WorkerCapabilities
  readonly sessionId: string
  readonly protocol: number
  readonly connectedAt: number
  readonly slots: number
  readonly weight: number
  /** What it has in hand, in the order in which it came. */
  readonly pending = new LinkedList<HeldRequest<PooledWorker>>()
  readonly #active = new Map<string, number>()
  readonly #tasks: ReadonlySet<string>
  /**
   * The share of its slots in use, over its weight; without slots it is as loaded as can be. Kept, because it is compared
   * for every request with that of every other worker.
   */
  load: number
  completed = 0
  lastHeartbeat: number
  isHealthy = true
  isReachable = true
  isDraining = false

  constructor({ id, name, capabilities, sessionId, protocol = 1 }: WorkerRegistration, now: number) {
    this.id = id
    this.name = name
    this.capabilities = capabilities
    this.sessionId = sessionId
    this.protocol = protocol
    this.connectedAt = now
    this.lastHeartbeat = now
    this.slots = toSlots(capabilities.maxConcurrentRequests)
    const { weight = 1 } = capabilities
    this.weight = weight > 0 && Number.isFinite(weight) ? weight : 1
    this.load = this.#computeLoad()
    this.#tasks = new Set(capabilities.tasks)
  }

  get status(): WorkerStatus {
    if (this.isDraining) return 'draining'
    if (!this.isHealthy || !this.isReachable) return 'unhealthy'
    return this.freeSlots > 0 ? 'available' : 'busy'
  }

  get freeSlots(): number {
    return Math.max(0, this.slots - this.pending.size)
  }

  /** How many more of a category it takes. */
  freeSlotsFor(category: string | undefined): number {
    const limits = this.capabilities.concurrencyLimits
    if (category === undefined || !limits || !Object.hasOwn(limits, category)) return this.freeSlots
    const free = toSlots(limits[category]!) - (this.#active.get(category) ?? 0)
    return Math.max(0, Math.min(this.freeSlots, free))
  }

  /** @param requestId Must not be in its hand yet. */
  track(requestId: string, category: string | undefined): HeldRequest<PooledWorker> {
    if (category !== undefined) this.#active.set(category, (this.#active.get(category) ?? 0) + 1)
    const request = new HeldRequest<PooledWorker>(requestId, this, category)
    this.pending.add(request)
    this.load = this.#computeLoad()
    return request
  }

  release(request: HeldRequest<PooledWorker>): void {
    this.pending.delete(request)
    this.load = this.#computeLoad()
    const { category } = request
    if (category === undefined) return
    const left = this.#active.get(category)! - 1
    if (left === 0) this.#active.delete(category)
    else this.#active.set(category, left)
  }

  get pendingRequestIds(): string[] {
    return this.pending.toArray().map(({ requestId }) => requestId)
  }

  knows(task: string): boolean {
    return this.#tasks.has(task)
  }

  /** How well its models fit: 2 for the very one, 1 for one whose name contains the other's, 0 for none. */
  modelFit(model: string | undefined): number {
    if (model === undefined) return 2
    let fit = 0
    for (const { modelId } of this.capabilities.models) {
      if (modelId === model) return 2
      if (modelId !== '' && model !== '' && (modelId.includes(model) || model.includes(modelId))) fit = 1
    }
    return fit
  }

  /** Whether it could do it at all, free or not. */
  canServe({ task, metadata, exclude }: WorkerCriteria): boolean {
    if (exclude?.has(this.id) || (task !== undefined && !this.knows(task))) return false
    if (!metadata) return true
    const own = this.capabilities.metadata ?? {}
    return Object.entries(metadata).every(([key, value]) => Object.hasOwn(own, key) && own[key] === value)
  }

  toInfo(): WorkerInfo {
    return Object.freeze({
      id: this.id,
      name: this.name,
      status: this.status,
      capabilities: this.capabilities,
      sessionId: this.sessionId,
      protocol: this.protocol,
      isReachable: this.isReachable,
      connectedAt: this.connectedAt,
      lastHeartbeat: this.lastHeartbeat,
      slots: this.slots,
      activeRequests: this.pending.size,
      completedRequests: this.completed,
      pendingRequestIds: new Set(this.pendingRequestIds),
      categoryActiveRequests: new Map(this.#active),
    })
  }

  #computeLoad(): number {
    return this.slots === 0 ? Infinity : this.pending.size / (this.slots * this.weight)
  }
}

function toSlots(claimed: number): number {
  return claimed >= 1 ? Math.min(Math.floor(claimed), MAX_SLOTS) : 0
}
