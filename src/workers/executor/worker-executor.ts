import type { Clock, TimerHandle } from '../../core/clock.js'
import { checkRequires } from '../../core/check-requires.js'
import type { Duration } from '../../core/duration.js'
import { OptionReader } from '../../core/option-reader.js'
import type { StepExecutor, StepTask, TaskControl } from '../../core/step-executor.js'
import { SystemError } from '../../core/system-error.js'
import { unknownTask } from '../../core/task-error.js'
import type { TaskHost, TaskHosts } from './task-hosts.js'
import { checkTravels } from '../messages/check-travel.js'
import { PendingTask } from './pending-task.js'
import { TaskPlace, type TaskPlaceOptions } from './task-place.js'

export interface WorkerExecutorOptions {
  /** How many tasks a worker has at once, from 1: more where tasks wait for others, 1 where they compute. @default 4 */
  readonly tasksPerWorker?: number
  /** How many tasks may wait for room, from 0; what is more is refused with `CAPACITY`. @default 1000 */
  readonly maxQueued?: number
  /**
   * How long a worker may take to confirm that a task is no longer wanted. One that does not is stuck: it is ended by force and
   * replaced, and its other tasks fail with `UNAVAILABLE`. @default '5s'
   */
  readonly cancelTimeout?: Duration
  /** How long tasks wait while there is no worker at all, as after a crash; then they fail with `UNAVAILABLE`. @default '5s' */
  readonly workerTimeout?: Duration
  /** @default the host's */
  readonly clock?: Clock
}

/** What the executor needs of a `WorkerManager`. */
export interface TaskHostSource {
  readonly taskHosts: TaskHosts
}

/**
 * Runs the tasks of steps on the workers of a manager: `new WorkflowRuntime({ executors: { threads: workerExecutor(manager) } })`.
 * A task goes to the worker with the fewest tasks; where all are full it waits, and a worker is added as far as the
 * manager allows. A retry of a task whose worker was lost, or that failed, goes to another one where there is one.
 *
 * Closing it leaves the manager as it is.
 *
 * @throws {SystemError} `VALIDATION` with every option that is wrong.
 */
export function workerExecutor(manager: TaskHostSource, options: WorkerExecutorOptions = {}): StepExecutor {
  return new WorkerExecutor(manager, options)
}

/** How many failed attempts are remembered, so that the next goes elsewhere. */
const MAX_REMEMBERED = 1000

/** While there is no worker: when to look for one, at first and at most. */
const FIRST_LOOK_MS = 20
const LONGEST_LOOK_MS = 1000

class WorkerExecutor implements StepExecutor {
  readonly #hosts: TaskHosts
  readonly #tasksPerWorker: number
  readonly #maxQueued: number
  readonly #workerTimeoutMs: number
  readonly #clock: Clock
  readonly #placeOptions: TaskPlaceOptions
  /** Also those that take nothing new, as long as tasks are there. */
  readonly #places = new Map<string, TaskPlace>()
  #open: readonly TaskPlace[] = []
  /** In the order they came. A set, because any of them may be aborted. */
  readonly #queue = new Set<PendingTask>()
  /** Which host an attempt failed on, by the task's idempotency key. */
  readonly #failedOn = new Map<string, string>()
  #isListed = false
  #isGrowing = false
  #mayGrow = true
  #lookTimer: TimerHandle
  #isClosed = false

  constructor(manager: Partial<TaskHostSource> | undefined, options: WorkerExecutorOptions) {
    const reader = new OptionReader()
    const given = reader.group('options', options)
    const { taskHosts } = manager ?? {}
    if (!taskHosts) reader.refuse('manager', 'must be a WorkerManager')
    this.#tasksPerWorker = reader.whole('tasksPerWorker', given.tasksPerWorker, 4, 1)
    this.#maxQueued = reader.whole('maxQueued', given.maxQueued, 1000, 0)
    this.#workerTimeoutMs = reader.duration('workerTimeout', given.workerTimeout, '5s')
    this.#clock = reader.clock(given.clock)
    const cancelTimeoutMs = reader.duration('cancelTimeout', given.cancelTimeout, '5s')
    reader.finish('make a worker executor')
    this.#hosts = taskHosts!
    this.#placeOptions = {
      clock: this.#clock,
      cancelTimeoutMs,
      onRoom: () => this.#next(),
      onFailure: ({ order }, { host }) => this.#remember(order, host.id),
      onLost: ({ host }) => this.#lose(host.id),
      onStuck: ({ host }, error) => void this.#hosts.kill(host.id, error),
    }
  }

  execute(order: StepTask, control: TaskControl): Promise<unknown> {
    if (this.#isClosed) return Promise.reject(closed(order))
    return new Promise((resolve, reject) => {
      checkRequires(order)
      checkTravels(order.input, 'input')
      const task = new PendingTask(order, control, resolve, reject, this.#abort)
      if (task.isSettled) return
      if (this.#queue.size === 0 && this.#send(task)) return
      this.#enqueue(task)
    })
  }

  close(): Promise<void> {
    this.#isClosed = true
    this.#clock.clearTimeout(this.#lookTimer)
    for (const place of this.#places.values()) place.leave(({ order }) => closed(order))
    this.#places.clear()
    this.#open = []
    this.#endQueued(closed)
    return Promise.resolve()
  }

  /** Sends the task to a worker, if one has room. */
  #send(task: PendingTask): boolean {
    const place = this.#choose(task.order)
    if (!place) return false
    if (place.host.activeTasks > 0) this.#grow()
    place.send(task)
    return true
  }

  /** The worker with the fewest tasks, among those that have room. */
  #choose(order: StepTask): TaskPlace | undefined {
    this.#list()
    const avoided = order.attempt > 1 ? this.#failedOn.get(order.idempotencyKey) : undefined
    let best: TaskPlace | undefined
    let spare: TaskPlace | undefined
    for (const place of this.#open) {
      const { host } = place
      if (host.activeTasks >= this.#tasksPerWorker || !place.tasks.has(order.task)) continue
      if (host.id === avoided) spare = place
      else if (!best || host.activeTasks < best.host.activeTasks) best = place
    }
    return best ?? spare
  }

  #enqueue(task: PendingTask): void {
    const { order } = task
    if (this.#open.length > 0 && !this.#open.some(({ tasks }) => tasks.has(order.task))) {
      const known = new Set(this.#open.flatMap(({ tasks }) => [...tasks]))
      task.reject(unknownTask(order.task, [...known]))
      return
    }
    if (this.#queue.size >= this.#maxQueued) {
      task.reject(full(order, this.#maxQueued))
      return
    }
    this.#queue.add(task)
    this.#grow()
    if (this.#open.length === 0) this.#lookForWorker()
  }

  #next(): void {
    for (const task of this.#queue) {
      if (!this.#send(task)) {
        this.#grow()
        return
      }
      this.#queue.delete(task)
    }
  }

  /** Looks which workers there are: once per turn, since the question is asked for every task. */
  #list(): void {
    if (this.#isListed) return
    this.#isListed = true
    queueMicrotask(() => (this.#isListed = false))
    this.#open = this.#hosts
      .list()
      .map((host) => this.#placeOf(host))
      .filter(({ isGone }) => !isGone)
  }

  #placeOf(host: TaskHost): TaskPlace {
    let place = this.#places.get(host.id)
    if (!place) {
      place = new TaskPlace(host, this.#placeOptions)
      if (!place.isGone) this.#places.set(host.id, place)
    }
    return place
  }

  /** Asks for one more worker, unless one is on its way or there may be no more. */
  #grow(): void {
    if (this.#isGrowing || !this.#mayGrow || this.#isClosed) return
    const growing = this.#hosts.grow()
    this.#mayGrow = growing !== undefined
    if (!growing) return
    this.#isGrowing = true
    const grown = (isThere: boolean) => {
      this.#isGrowing = false
      this.#isListed = false
      // One that could not be started is not tried again and again: only when one is lost, or none is left.
      this.#mayGrow = isThere
      if (!this.#isClosed) this.#next()
    }
    growing.then(
      () => grown(true),
      () => grown(false),
    )
  }

  #lose(hostId: string): void {
    this.#places.delete(hostId)
    this.#open = this.#open.filter(({ host }) => host.id !== hostId)
    this.#mayGrow = true
    if (this.#queue.size === 0) return
    this.#grow()
    if (this.#open.length === 0) this.#lookForWorker()
  }

  /** Tasks wait and there is nobody: looks again and again, at longer and longer intervals, until it takes too long. */
  #lookForWorker(): void {
    if (this.#lookTimer !== undefined) return
    const since = this.#clock.now()
    const look = (delayMs: number) => {
      this.#lookTimer = this.#clock.setTimeout(() => {
        this.#lookTimer = undefined
        this.#isListed = false
        this.#mayGrow = true
        this.#next()
        if (this.#queue.size === 0 || this.#open.length > 0) return
        this.#grow()
        if (this.#clock.now() - since >= this.#workerTimeoutMs) this.#endQueued(nobody)
        else look(Math.min(LONGEST_LOOK_MS, delayMs * 2))
      }, delayMs)
    }
    look(FIRST_LOOK_MS)
  }

  #endQueued(toError: (order: StepTask) => SystemError): void {
    const tasks = [...this.#queue]
    this.#queue.clear()
    for (const task of tasks) task.reject(toError(task.order))
  }

  #remember({ idempotencyKey }: StepTask, hostId: string): void {
    this.#failedOn.delete(idempotencyKey)
    this.#failedOn.set(idempotencyKey, hostId)
    if (this.#failedOn.size <= MAX_REMEMBERED) return
    for (const oldest of this.#failedOn.keys()) {
      this.#failedOn.delete(oldest)
      return
    }
  }

  readonly #abort = (task: PendingTask, reason: unknown): void => {
    const { place } = task
    if (!place) {
      this.#queue.delete(task)
      return
    }
    this.#remember(task.order, place.host.id)
    place.cancel(task, reason)
  }
}

function closed({ task }: StepTask): SystemError {
  return new SystemError('UNAVAILABLE', `Cannot run task "${task}": the executor is closed`, {
    context: { task },
  })
}

function nobody({ task }: StepTask): SystemError {
  return new SystemError(
    'UNAVAILABLE',
    `Cannot run task "${task}": there is no worker; add one with addWorker()`,
    {
      context: { task },
    },
  )
}

function full({ task }: StepTask, maxQueued: number): SystemError {
  return new SystemError(
    'CAPACITY',
    `Cannot run task "${task}": ${maxQueued} tasks wait already; add workers, or raise maxQueued`,
    { context: { task, maxQueued } },
  )
}
