import { SystemError } from '../../core/system-error.js'
import type {
  EngineEvent,
  EngineLimits,
  EngineProgram,
  FromWorker,
  TaskResult,
  ToWorker,
} from './engine-protocol.js'
import { PooledWorker } from './pooled-worker.js'
import type { SpawnWorker } from './worker-host.js'

/** A task for a worker of the pool. */
export interface PoolTask {
  readonly programId: number
  /** Told to each worker that has not seen it. */
  readonly program: EngineProgram
  /** What is to be done with it. */
  readonly toWork: (program: EngineProgram | undefined) => Extract<ToWorker, { type: 'task' }>['work']
  readonly timeoutMs: number
  readonly signal?: AbortSignal
  readonly onEvents?: (events: readonly EngineEvent[]) => void
  /** Answers what bridged functions are asked; resolves to what is sent back. */
  readonly onCall?: (call: Extract<FromWorker, { type: 'call' }>) => Promise<BridgedAnswer>
}

export interface BridgedAnswer {
  readonly isOk: boolean
  readonly text?: string
}

export interface PoolOptions {
  readonly spawn: SpawnWorker
  readonly limits: EngineLimits
  readonly maxWorkers: number
  /** How long a worker may be idle before it is closed, in milliseconds. */
  readonly idleMs: number
  /** Whether a task that was cut off may be going on in its worker, which is ended then. @default false */
  readonly endsCutOff?: boolean
}

interface Waiting {
  readonly task: PoolTask
  readonly resolve: (result: TaskResult) => void
  readonly reject: (error: unknown) => void
  /** Stops listening to the signal. */
  readonly release: () => void
}

/**
 * Workers that take one task each.
 *
 * Invariants:
 * - W1 there are never more than `maxWorkers`; what finds none free waits its turn;
 * - W2 an idle worker does not keep the process alive, and is closed after a while;
 * - W3 a worker that does not answer is ended, and another one takes its place.
 */
export class WorkerPool {
  readonly #options: PoolOptions
  readonly #workers = new Set<PooledWorker>()
  readonly #idle: PooledWorker[] = []
  readonly #waiting: Waiting[] = []
  #isClosed = false

  constructor(options: PoolOptions) {
    this.#options = options
  }

  run(task: PoolTask): Promise<TaskResult> {
    if (this.#isClosed) return Promise.reject(closed())
    const { signal } = task
    if (signal?.aborted) return Promise.resolve({ type: 'stopped' })
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        const at = this.#waiting.indexOf(waiting)
        if (at >= 0) this.#waiting.splice(at, 1)
        resolve({ type: 'stopped' })
      }
      signal?.addEventListener('abort', onAbort, { once: true })
      const release = () => signal?.removeEventListener('abort', onAbort)
      const waiting: Waiting = { task, resolve, reject, release }
      this.#waiting.push(waiting)
      this.#next()
    })
  }

  close(): void {
    this.#isClosed = true
    for (const { reject, release } of this.#waiting.splice(0)) {
      release()
      reject(closed())
    }
    for (const worker of this.#workers) worker.close(closed())
    this.#workers.clear()
    this.#idle.length = 0
  }

  #next(): void {
    while (this.#waiting.length > 0) {
      // The one that was busy last: the others may be closed.
      const worker = this.#idle.pop() ?? this.#spawn()
      if (!worker) return
      const { task, resolve, reject, release } = this.#waiting.shift()!
      release()
      worker.run(task).then(resolve, reject)
    }
  }

  #spawn(): PooledWorker | undefined {
    const { maxWorkers } = this.#options
    if (this.#workers.size >= maxWorkers) return undefined
    const worker: PooledWorker = new PooledWorker(this.#options, {
      onIdle: () => {
        this.#idle.push(worker)
        this.#next()
      },
      onGone: () => {
        this.#workers.delete(worker)
        const at = this.#idle.indexOf(worker)
        if (at >= 0) this.#idle.splice(at, 1)
        if (!this.#isClosed) this.#next()
      },
    })
    this.#workers.add(worker)
    return worker
  }
}

export function closed(): SystemError {
  return new SystemError('UNAVAILABLE', 'The engine for job text is closed: open another one')
}
