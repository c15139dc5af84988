import type { RunnerOptions } from '../runner/runner-options.js'
import { leastOf } from './placement.js'
import type { RunnerRecord } from './runner-record.js'
import type { RunnerState } from '../runner/runner-state.js'
import type { TelemetrySnapshot } from '../telemetry/telemetry-snapshot.js'
import type { WorkerInstance, WorkerStatus } from './worker-instance.js'

/** A worker as plain data. */
export interface WorkerCore {
  readonly workerId: string
  readonly hostName: string
  readonly agentId?: string
  readonly tags: readonly string[]
  readonly status: WorkerStatus
  /** Whether it did not answer the last query: what is known of its runners may be old. */
  readonly stale: boolean
  readonly activeTasks: number
  /** Replies that came after their timeout, and were dropped. */
  readonly lateReplies: number
  readonly runnerTypes: readonly string[]
  readonly tasks: readonly string[]
  readonly startedAt: number
  readonly runners: readonly RunnerCore[]
}

/** A runner as plain data. */
export interface RunnerCore {
  readonly runnerId: string
  readonly workerId: string
  readonly options: RunnerOptions
  readonly optionsRevision: number
  readonly state: RunnerState
  readonly seq: number
  readonly telemetry?: TelemetrySnapshot
}

/** How many runners that ended are remembered by their state. */
const MAX_ENDED = 10_000

/** Which workers there are, and which live runners they hold. In the order they were added. */
export class WorkerRegistry {
  readonly #workers = new Map<string, WorkerInstance>()
  readonly #runners = new Map<string, Map<string, RunnerRecord>>()
  readonly #ended = new Map<string, { readonly workerId: string; readonly state: RunnerState }>()

  addWorker(worker: WorkerInstance): void {
    this.#workers.set(worker.id, worker)
    this.#runners.set(worker.id, new Map())
  }

  addRunner(runner: RunnerRecord): void {
    this.#runners.get(runner.workerId)?.set(runner.runnerId, runner)
  }

  deleteWorker(workerId: string): boolean {
    this.#runners.delete(workerId)
    return this.#workers.delete(workerId)
  }

  /** @param ended Whether it came to a final state: then it is remembered for commands that come too late. */
  deleteRunner(runner: RunnerRecord, ended: boolean): void {
    this.#runners.get(runner.workerId)?.delete(runner.runnerId)
    if (!ended) return
    this.#ended.set(runner.runnerId, { workerId: runner.workerId, state: runner.state })
    if (this.#ended.size > MAX_ENDED) this.#ended.delete(this.#ended.keys().next().value!)
  }

  getWorker(workerId: string): WorkerInstance | undefined {
    return this.#workers.get(workerId)
  }

  getRunner(workerId: string, runnerId: string): RunnerRecord | undefined {
    return this.#runners.get(workerId)?.get(runnerId)
  }

  getRunners(workerId: string): readonly RunnerRecord[] {
    return [...(this.#runners.get(workerId)?.values() ?? [])]
  }

  /** The state in which a runner ended. */
  getEndState(workerId: string, runnerId: string): RunnerState | undefined {
    const ended = this.#ended.get(runnerId)
    return ended?.workerId === workerId ? ended.state : undefined
  }

  runnerCount(workerId: string): number {
    return this.#runners.get(workerId)?.size ?? 0
  }

  getWorkersMap(): ReadonlyMap<string, WorkerInstance> {
    return this.#workers
  }

  /** Plain data, which can be cloned. */
  getWorkersCoreMap(): ReadonlyMap<string, WorkerCore> {
    return new Map([...this.#workers.values()].map((worker) => [worker.id, this.#toCore(worker)]))
  }

  /** The worker with the fewest live runners, the oldest of several; `null` when none takes any. */
  getNextAvailableWorker(): WorkerInstance | null {
    return leastOf(this.available(), ({ id }) => this.runnerCount(id)) ?? null
  }

  /** The worker with the most live runners: the one to drain last, or to relieve first. */
  getBusiestWorker(): WorkerInstance | null {
    return leastOf(this.available(), ({ id }) => -this.runnerCount(id)) ?? null
  }

  /** Those that take runners and tasks. */
  available(): readonly WorkerInstance[] {
    return [...this.#workers.values()].filter(({ status }) => status === 'ready')
  }

  #toCore(worker: WorkerInstance): WorkerCore {
    const { id, options, status, isStale, activeTasks, runnerTypes, tasks, startedAt } = worker
    return {
      workerId: id,
      hostName: options.hostName ?? id,
      ...(options.agentId !== undefined && { agentId: options.agentId }),
      tags: options.tags ?? [],
      status,
      stale: isStale,
      activeTasks,
      lateReplies: worker.broker.lateReplies,
      runnerTypes,
      tasks,
      startedAt,
      runners: this.getRunners(id).map(toRunnerCore),
    }
  }
}

function toRunnerCore(record: RunnerRecord): RunnerCore {
  const { runnerId, workerId, options, optionsRevision, state, seq, lastTelemetry } = record
  return {
    runnerId,
    workerId,
    options,
    optionsRevision,
    state,
    seq,
    ...(lastTelemetry && { telemetry: lastTelemetry }),
  }
}
