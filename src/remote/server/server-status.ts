import type { WorkerInfo, WorkerStatus } from '../pool/worker-info.js'
import type { ServerCounters } from './counters.js'

/** What an executor has to do. */
export interface WorkStatus {
  /** Requests that wait for a worker. */
  readonly queued: number
  /** Requests that a worker has. */
  readonly running: number
  /** Requests that were given out again after their worker was lost, so far. */
  readonly redispatched: number
  /** Requests that ended, by how long they took from `execute`: counts per bucket, and the sum. */
  readonly durations: DurationCounts
}

/** A histogram as Prometheus has it. */
export interface DurationCounts {
  /** Upper bounds, seconds; one more bucket holds the rest. */
  readonly boundsSeconds: readonly number[]
  readonly counts: readonly number[]
  readonly sumSeconds: number
}

/** An executor of the server. */
export interface WorkSource {
  status(): WorkStatus
  /** The server stops: nobody will do what waits. */
  stop(): void
}

/** A worker as a status page shows it: without its session id, which is a secret. */
export interface WorkerRow {
  readonly id: string
  readonly name: string
  readonly status: WorkerStatus
  readonly isReachable: boolean
  readonly protocol: number
  readonly zone?: string
  readonly models: readonly string[]
  readonly tasks: readonly string[]
  readonly slots: number
  readonly activeRequests: number
  readonly completedRequests: number
  readonly connectedMs: number
  readonly silentMs: number
  readonly categories: Readonly<Record<string, number>>
}

/** Whether it takes requests, and who is there to do them. */
export interface ServerHealth {
  readonly state: string
  readonly workersByStatus: Readonly<Record<WorkerStatus, number>>
  readonly uptimeMs: number
}

export interface ServerStatus {
  readonly state: string
  readonly port?: number
  readonly at: number
  readonly uptimeMs: number
  readonly connections: number
  readonly unregistered: number
  readonly activeRequests: number
  readonly workers: readonly WorkerRow[]
  readonly workersByStatus: Readonly<Record<WorkerStatus, number>>
  readonly counters: Readonly<ServerCounters>
  /** One per executor. */
  readonly work: readonly WorkStatus[]
}

export interface ServerFacts {
  readonly state: string
  readonly port: number | undefined
  readonly startedAt: number | undefined
  readonly now: number
  readonly steadyNow: number
  readonly workers: readonly WorkerInfo[]
  readonly activeRequests: number
  readonly connections: number
  readonly unregistered: number
  readonly counters: ServerCounters
  readonly sources: readonly WorkSource[]
}

export function describeServer(facts: ServerFacts): ServerStatus {
  const { state, port, startedAt = facts.now, now, workers, sources } = facts
  const workersByStatus = { available: 0, busy: 0, draining: 0, unhealthy: 0 }
  for (const { status } of workers) workersByStatus[status]++
  return {
    state,
    ...(port === undefined ? {} : { port }),
    at: now,
    uptimeMs: Math.max(0, now - startedAt),
    connections: facts.connections,
    unregistered: facts.unregistered,
    activeRequests: facts.activeRequests,
    workers: workers.map((worker) => toRow(worker, facts.steadyNow)),
    workersByStatus,
    counters: { ...facts.counters },
    work: sources.map((source) => source.status()),
  }
}

function toRow(worker: WorkerInfo, now: number): WorkerRow {
  const { capabilities, connectedAt, lastHeartbeat, categoryActiveRequests } = worker
  return {
    id: worker.id,
    name: worker.name,
    status: worker.status,
    isReachable: worker.isReachable,
    protocol: worker.protocol,
    ...(capabilities.zone === undefined ? {} : { zone: capabilities.zone }),
    models: capabilities.models.map(({ modelId }) => modelId),
    tasks: capabilities.tasks ?? [],
    slots: worker.slots,
    activeRequests: worker.activeRequests,
    completedRequests: worker.completedRequests,
    connectedMs: Math.max(0, now - connectedAt),
    silentMs: Math.max(0, now - lastHeartbeat),
    categories: Object.fromEntries(categoryActiveRequests),
  }
}
