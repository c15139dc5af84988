import type { Clock } from '../../core/clock.js'
import type { Duration } from '../../core/duration.js'
import { isFields } from '../../core/is-fields.js'
import { OptionReader } from '../../core/option-reader.js'
import type { StepExecutor, StepTask, TaskControl } from '../../core/step-executor.js'
import { SystemError, isSystemError } from '../../core/system-error.js'
import { toTaskError } from '../../core/task-error.js'
import { wireError } from '../protocol/wire-error.js'
import type { LossReason, RequestResult } from '../server/request-table.js'
import type { WorkStatus } from '../server/server-status.js'
import type { WorkerServer } from '../server/worker-server.js'
import { DurationHistogram } from './duration-histogram.js'
import { FairQueue } from './fair-queue.js'
import { readRequirements } from './requirements.js'
import { type RequestOwner, TaskRequest, checkInput } from './task-request.js'

export interface RemoteExecutorOptions {
  /** How many requests may wait for a worker, from 0; one more is refused with `CAPACITY`. @default 10000 */
  readonly maxQueued?: number
  /** How long a request may wait for a worker before it fails with `UNAVAILABLE`. @default '30s' */
  readonly queueTimeout?: Duration
  /**
   * How long a request may wait when no worker here has ever announced its task, before it fails with `NOT_FOUND`: those
   * that know it may be about to dial in. @default '5s'
   */
  readonly unknownTaskTimeout?: Duration
  /** How often a request is given out, at most, when its worker is lost. From 1. @default 3 */
  readonly maxDispatches?: number
  /** @default the host's */
  readonly clock?: Clock
}

export interface RemoteExecutor extends StepExecutor {
  /** How many requests wait for a worker. */
  readonly queued: number
  status(): WorkStatus
}

/** How many names of tasks are remembered. */
const MAX_KNOWN_TASKS = 10_000
/** How much a worker is told of why nobody waits any more, characters. */
const MAX_REASON = 64 * 1024
/** How often a request may be cut off on its way: it may be what its workers cannot take. */
const MAX_CUTS = 10

/**
 * Runs the tasks of steps on the workers of a server. What a step `requires` chooses among those that know its task:
 * `model`, `category`, `metadata`, `zone`, `affinityKey`, `priority`.
 *
 * - E1 Each `execute` settles once; what arrives later has no effect.
 * - E2 A request that was lost with its worker is given out again, with the same idempotency key and the next attempt.
 * - E3 What waits is bounded, and served in turn per key.
 *
 * @throws {SystemError} `VALIDATION` with every option that is wrong.
 */
export function remoteExecutor(server: WorkerServer, options: RemoteExecutorOptions = {}): RemoteExecutor {
  return new ServerExecutor(server, options)
}

class ServerExecutor implements RemoteExecutor {
  readonly #server: WorkerServer
  readonly #clock: Clock
  readonly #maxQueued: number
  readonly #queueTimeoutMs: number
  readonly #unknownTaskTimeoutMs: number
  readonly #maxDispatches: number
  /** Requests by what can do them, so that one that waits for a rare worker holds up no other. */
  readonly #lanes = new Map<string, FairQueue<TaskRequest>>()
  /** In hand of a worker, in no order: each knows its place. */
  readonly #running: TaskRequest[] = []
  readonly #knownTasks = new Set<string>()
  readonly #durations = new DurationHistogram()
  readonly #owner: RequestOwner = {
    ended: (request, result) => this.#ended(request, result),
    lost: (request, workerId, why) => this.#lost(request, workerId, why),
    aborted: (request, reason) => this.#abort(request, reason),
  }
  readonly #detach: readonly (() => void)[]
  #queued = 0
  #redispatched = 0
  #isClosed = false

  constructor(server: WorkerServer, options: RemoteExecutorOptions) {
    const reader = new OptionReader()
    const given = reader.group('options', options)
    if (!isServer(server)) reader.refuse('server', 'must be a WorkerServer')
    this.#server = server
    this.#clock = reader.clock(given.clock)
    this.#maxQueued = reader.whole('maxQueued', given.maxQueued, 10_000, 0)
    this.#queueTimeoutMs = reader.duration('queueTimeout', given.queueTimeout, '30s')
    this.#unknownTaskTimeoutMs = reader.duration('unknownTaskTimeout', given.unknownTaskTimeout, '5s')
    this.#maxDispatches = reader.whole('maxDispatches', given.maxDispatches, 3, 1)
    reader.finish('make a remote executor')
    const stop = () => this.#rejectAll('the worker server stops')
    this.#detach = [
      server.requests.onCapacity((workerId) => {
        if (workerId !== undefined && this.#queued > 0) this.#serve(workerId)
      }),
      server.addWorkSource({ status: () => this.status(), stop }),
    ]
  }

  get queued(): number {
    return this.#queued
  }

  status(): WorkStatus {
    return {
      queued: this.#queued,
      running: this.#running.length,
      redispatched: this.#redispatched,
      durations: this.#durations.read(),
    }
  }

  execute(task: StepTask, control: TaskControl): Promise<unknown> {
    // What is thrown in here rejects the promise.
    return new Promise((resolve, reject) => {
      const { state } = this.#server
      if (this.#isClosed) throw unavailable(task, 'the executor is closed')
      if (state !== 'running') throw unavailable(task, `the worker server is ${state}`)
      const requirements = readRequirements(task.task, task.requires)
      checkInput(task)
      const now = this.#clock.now()
      const request = new TaskRequest(task, control, requirements, now, this.#owner, resolve, reject)
      request.listen()
      if (request.isSettled) return
      if (Number.isFinite(task.timeoutMs)) {
        const late = () =>
          new SystemError('TIMEOUT', `Task "${task.task}" took longer than ${task.timeoutMs} ms`)
        request.timer = this.#clock.setTimeout(() => this.#abort(request, late()), task.timeoutMs)
      }
      // Who waits already goes first.
      const isFirst = !this.#lanes.has(requirements.lane)
      if (!isFirst || !this.#send(request)) this.#enqueue(request)
    })
  }

  close(): Promise<void> {
    this.#isClosed = true
    for (const detach of this.#detach) detach()
    this.#rejectAll('the executor is closed')
    return Promise.resolve()
  }

  /** Gives it to a worker. @param among Only to this one. @returns whether somebody was free. */
  #send(request: TaskRequest, among?: string): boolean {
    const requestId = this.#server.requests.createId()
    request.dispatches++
    let workerId: string | undefined
    try {
      workerId = this.#server.requests.assign({
        requestId,
        criteria: request.requirements.criteria,
        text: () => request.toText(requestId),
        common: request.requirements.fields.of(request.task),
        among,
        listener: request,
      })
    } catch (error) {
      // Its input was JSON when it came, and was changed since: that concerns nobody else.
      this.#reject(request, unsendable(request.task, error))
      return true
    }
    if (workerId === undefined) {
      request.dispatches--
      return false
    }
    request.requestId = requestId
    request.place = this.#running.push(request) - 1
    this.#learn(request.task.task)
    return true
  }

  #enqueue(request: TaskRequest, isFirst = false): void {
    const { task, requirements } = request
    if (this.#queued >= this.#maxQueued && !isFirst) {
      const message = `Cannot run task "${task.task}": ${this.#maxQueued} requests wait for a worker already`
      const context = { task: task.task, maxQueued: this.#maxQueued }
      return this.#reject(request, new SystemError('CAPACITY', message, { context }))
    }
    let lane = this.#lanes.get(requirements.lane)
    if (!lane) this.#lanes.set(requirements.lane, (lane = new FairQueue()))
    if (isFirst) lane.addFirst(request)
    else lane.add(request)
    request.isQueued = true
    this.#queued++
    const isKnown = this.#knownTasks.has(task.task) || this.#server.hasTask(task.task)
    if (isKnown) this.#learn(task.task)
    const waitMs = isKnown ? this.#queueTimeoutMs : Math.min(this.#queueTimeoutMs, this.#unknownTaskTimeoutMs)
    this.#armQueueTimer(request, 0, waitMs)
  }

  #dequeue(request: TaskRequest): void {
    if (!request.isQueued) return
    request.isQueued = false
    this.#queued--
    this.#clock.clearTimeout(request.queueTimer)
    const { lane: name } = request.requirements
    const lane = this.#lanes.get(name)!
    lane.remove(request)
    if (lane.size === 0) this.#lanes.delete(name)
  }

  /** A worker may be able to take more: the lanes it can serve have their turn, the highest priority first. */
  #serve(workerId: string): void {
    let refused: Set<string> | undefined
    while (this.#queued > 0) {
      let next: TaskRequest | undefined
      for (const [name, lane] of this.#lanes) {
        const head = refused?.has(name) ? undefined : lane.peek()
        if (head && (!next || head.priority > next.priority)) next = head
      }
      if (!next) return
      const { lane: name } = next.requirements
      if (!this.#send(next, workerId)) {
        refused = (refused ?? new Set()).add(name)
        continue
      }
      this.#dequeue(next)
      // The lane that was served goes to the end.
      const lane = this.#lanes.get(name)
      if (lane) {
        this.#lanes.delete(name)
        this.#lanes.set(name, lane)
      }
    }
  }

  #ended(request: TaskRequest, result: RequestResult | undefined): void {
    if (result?.ok) {
      if (this.#settle(request)) request.resolve(result.value)
    } else if (result) this.#reject(request, toError(result.error, request.task.task))
    else this.#reject(request, unavailable(request.task, 'its request was released'))
  }

  #lost(request: TaskRequest, workerId: string, why: LossReason): void {
    this.#release(request)
    if (why === 'stopping' || this.#isClosed) {
      return this.#reject(request, unavailable(request.task, 'the worker server stops'))
    }
    if (why !== 'not received' && request.dispatches >= this.#maxDispatches) {
      const message = `its worker "${workerId}" was lost (${why}), as ${request.dispatches - 1} before it`
      return this.#reject(request, unavailable(request.task, message, workerId))
    }
    if (why === 'not received' && ++request.cuts >= MAX_CUTS) {
      const message = `its connection was cut ${MAX_CUTS} times before a worker had it; is its input larger than their "maxMessageBytes"?`
      return this.#reject(request, unavailable(request.task, message, workerId))
    }
    this.#redispatched++
    if (this.#lanes.has(request.requirements.lane) || !this.#send(request)) this.#enqueue(request, true)
  }

  #waitedTooLong(request: TaskRequest, waitedMs: number): void {
    const { task } = request.task
    const isKnown = this.#knownTasks.has(task) || this.#server.hasTask(task)
    if (!isKnown && this.#server.getWorkerCount() > 0) {
      const message = `Cannot run task "${task}": no worker knows it`
      return this.#reject(request, new SystemError('NOT_FOUND', message, { context: { task } }))
    }
    if (waitedMs < this.#queueTimeoutMs) return this.#armQueueTimer(request, waitedMs, this.#queueTimeoutMs)
    this.#reject(
      request,
      unavailable(request.task, `no worker was free for it within ${this.#queueTimeoutMs} ms`),
    )
  }

  #armQueueTimer(request: TaskRequest, fromMs: number, toMs: number): void {
    request.queueTimer = this.#clock.setTimeout(() => this.#waitedTooLong(request, toMs), toMs - fromMs)
  }

  /** The step no longer waits: it is told at once, the worker as well. */
  #abort(request: TaskRequest, reason: unknown): void {
    const { requestId } = request
    this.#reject(request, reason)
    if (requestId !== undefined) this.#server.requests.cancel(requestId, wireError(reason, MAX_REASON))
  }

  #rejectAll(why: string): void {
    const queued = [...this.#lanes.values()].flatMap((lane) => lane.entries())
    for (const request of [...queued, ...this.#running]) this.#abort(request, unavailable(request.task, why))
  }

  #reject(request: TaskRequest, error: unknown): void {
    if (this.#settle(request)) request.reject(error)
  }

  /** Lets go of it. @returns `false` when that was done before. */
  #settle(request: TaskRequest): boolean {
    if (request.isSettled) return false
    const wasQueued = request.isQueued
    this.#dequeue(request)
    this.#release(request)
    this.#clock.clearTimeout(request.timer)
    this.#durations.record(this.#clock.now() - request.startedAt)
    request.settle()
    // One that a worker had is told of by its slot.
    if (wasQueued && this.#queued === 0) this.#server.requests.announceCapacity()
    return true
  }

  /** No worker has it any more, or none that is listened to. */
  #release(request: TaskRequest): void {
    if (request.requestId === undefined) return
    request.requestId = undefined
    const last = this.#running.pop()!
    if (last === request) return
    this.#running[request.place] = last
    last.place = request.place
  }

  #learn(task: string): void {
    if (this.#knownTasks.size < MAX_KNOWN_TASKS) this.#knownTasks.add(task)
  }
}

/** One of another copy of this package will do. */
function isServer(server: unknown): boolean {
  return isFields(server) && typeof server['addWorkSource'] === 'function'
}

function unavailable({ task }: StepTask, why: string, workerId?: string): SystemError {
  return new SystemError('UNAVAILABLE', `Cannot run task "${task}": ${why}`, {
    context: { task, ...(workerId === undefined ? {} : { workerId }) },
  })
}

function unsendable({ task }: StepTask, cause: unknown): SystemError {
  return new SystemError('VALIDATION', `Cannot send the input of task "${task}": it is no longer JSON`, {
    cause,
    context: { task, path: 'input' },
  })
}

/** What came over the wire, as executors give it. */
function toError(error: unknown, task: string): SystemError {
  return isSystemError(error) ? error : toTaskError(error, task)
}
