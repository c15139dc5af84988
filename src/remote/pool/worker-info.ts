import type { WorkerCapabilities } from '../protocol/messages.js'

/**
 * What may be done with a worker:
 * - `available`: has room;
 * - `busy`: has as many requests as it takes;
 * - `draining`: finishes what it has and takes nothing, until it disconnects;
 * - `unhealthy`: was silent for too long, or its connection is cut and may come back.
 */
export type WorkerStatus = 'available' | 'busy' | 'draining' | 'unhealthy'

/** A worker at one instant: a copy that does not change. */
export interface WorkerInfo {
  readonly id: string
  readonly name: string
  readonly status: WorkerStatus
  readonly capabilities: WorkerCapabilities
  readonly sessionId: string
  /** 2 if it takes task requests and resumes its session, 1 for plain messages. */
  readonly protocol: number
  /** Whether its connection is open and answers. */
  readonly isReachable: boolean
  /** Epoch milliseconds. */
  readonly connectedAt: number
  /** Epoch milliseconds. */
  readonly lastHeartbeat: number
  /** How many requests it takes at once: a whole number from 0, whatever it claims. */
  readonly slots: number
  readonly activeRequests: number
  readonly completedRequests: number
  readonly pendingRequestIds: ReadonlySet<string>
  readonly categoryActiveRequests: ReadonlyMap<string, number>
}

/** A worker that is gone, and the requests that nobody works on now. */
export interface RemovedWorker {
  readonly worker: WorkerInfo
  readonly pendingRequestIds: readonly string[]
}

/** Which worker is wanted. What is not said does not matter. */
export interface WorkerCriteria {
  /** Equal to the id of one of its models, or one contains the other; equal ones go first. */
  readonly model?: string | undefined
  /** Counts against `concurrencyLimits` of the worker. */
  readonly category?: string | undefined
  /** A task it must have announced. */
  readonly task?: string | undefined
  /** What its `metadata` must say. */
  readonly metadata?: Readonly<Record<string, string | number | boolean>> | undefined
  /** Workers of this zone go first; others are taken when none of them is free. */
  readonly zone?: string | undefined
  /** The same key goes to the same worker for as long as it is there and has room. */
  readonly affinityKey?: string | undefined
  /** Ids of workers that are out of the question. */
  readonly exclude?: ReadonlySet<string> | undefined
}
