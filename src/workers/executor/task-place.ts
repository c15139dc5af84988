import type { Clock, TimerHandle } from '../../core/clock.js'
import { type SerializedError, SystemError, reviveError, serializeError } from '../../core/system-error.js'
import { type WireMessage, type WorkerEvents, message } from '../messages/protocol.js'
import { type WireResults, isWireResults, readResults, writeTasks } from '../messages/task-messages.js'
import type { TaskHost } from './task-hosts.js'
import { explainTravel, takeAlong } from '../messages/check-travel.js'
import type { PendingTask } from './pending-task.js'
import { TaskTable } from './task-table.js'

/** So many tasks leave together at most. */
const MAX_BATCH = 16

/** And of those under way at most this share, so that the thread works on some while others are put together here. */
const MAX_SHARE = 1 / 2

export interface TaskPlaceOptions {
  readonly clock: Clock
  /** How long the thread may take to confirm that a task is no longer wanted. */
  readonly cancelTimeoutMs: number
  /** A task has left: there is room for another. */
  readonly onRoom: () => void
  /** A task ended with an error. */
  readonly onFailure: (task: PendingTask, place: TaskPlace) => void
  /** The host is gone; its tasks have been told. */
  readonly onLost: (place: TaskPlace) => void
  /** The thread has not confirmed in time. */
  readonly onStuck: (place: TaskPlace, error: SystemError) => void
}

/**
 * One host as an executor sees it: sends tasks there, those of one turn together, and hands out what comes back.
 *
 * Invariant: a task takes room, counted in `host.activeTasks`, from `send` until its result has come, or the thread has
 * confirmed that it is no longer wanted, or the host is lost.
 */
export class TaskPlace {
  readonly host: TaskHost
  readonly tasks: ReadonlySet<string>
  readonly #options: TaskPlaceOptions
  readonly #running = new TaskTable()
  readonly #nextId: () => number
  /** The timers of what was told to end and has not confirmed it. */
  readonly #cancelled = new Map<number, TimerHandle>()
  readonly #stops: (() => void)[] = []
  #outbox: PendingTask[] = []
  #isGone = false

  constructor(host: TaskHost, options: TaskPlaceOptions) {
    this.host = host
    this.tasks = new Set(host.tasks)
    this.#options = options
    this.#nextId = () => host.nextTaskId()
    this.#stops.push(host.onTaskMessage((received) => this.#receive(received)))
    this.#stops.push(host.onLost((error) => this.#lose(error)))
  }

  get isGone(): boolean {
    return this.#isGone
  }

  send(task: PendingTask): void {
    task.place = this
    this.#running.add(task, this.#nextId)
    const active = ++this.host.activeTasks
    // One turn later: what steps that go on at the same time hand over leaves in one message.
    const count = this.#outbox.push(task)
    if (count >= Math.min(MAX_BATCH, active * MAX_SHARE)) this.#flush()
    else if (count === 1) queueMicrotask(() => queueMicrotask(() => this.#flush()))
  }

  /** Nobody waits for this task any more. */
  cancel(task: PendingTask, reason: unknown): void {
    if (!this.#running.delete(task)) return
    const unsent = this.#outbox.indexOf(task)
    if (unsent >= 0) {
      this.#outbox.splice(unsent, 1)
      this.#free()
      return
    }
    const { clock, cancelTimeoutMs, onStuck } = this.#options
    const onTimeout = () => onStuck(this, stuck(this.host.id, cancelTimeoutMs))
    this.#cancelled.set(task.id, clock.setTimeout(onTimeout, cancelTimeoutMs))
    this.#tellCancelled(task, reason)
  }

  /** Ends all tasks, here and there, and forgets the host. */
  leave(toError: (task: PendingTask) => SystemError): void {
    const sent = this.#running.list().filter((task) => !this.#outbox.includes(task))
    for (const task of sent) this.#tellCancelled(task, toError(task))
    this.#close(toError)
  }

  #tellCancelled({ id }: PendingTask, reason: unknown): void {
    this.host.post(message('taskCancel', { taskId: id, reason: serializeError(reason) }))
  }

  #flush(): void {
    const tasks = this.#outbox
    this.#outbox = []
    if (tasks.length === 0 || this.#isGone) return
    try {
      this.host.post(writeTasks(tasks), movedWith(tasks))
    } catch {
      // One of them cannot travel: each goes by itself, so that the others are not lost with it.
      for (const task of tasks) this.#sendAlone(task)
    }
  }

  #sendAlone(task: PendingTask): void {
    try {
      this.host.post(writeTasks([task]), movedWith([task]))
    } catch (error) {
      this.#running.delete(task)
      task.reject(explainTravel(task.order.input, 'input', error))
      this.#free()
    }
  }

  #receive(received: WireMessage | WireResults): void {
    if (isWireResults(received)) return readResults(received, this.#finish)
    try {
      this.#tell(received)
    } catch {
      // Whoever listens fails for himself: the task goes on.
    }
  }

  #tell({ command, payload }: WireMessage): void {
    switch (command as keyof WorkerEvents) {
      case 'taskProgress': {
        const { taskId, fraction, message: text } = payload as WorkerEvents['taskProgress']
        this.#running.get(taskId)?.control.progress(fraction, text)
        return
      }
      case 'taskLog': {
        const { taskId, level, message: text, data } = payload as WorkerEvents['taskLog']
        this.#running.get(taskId)?.control.logger[level](text, data)
      }
    }
  }

  readonly #finish = (id: number, value: unknown, error: SerializedError | undefined): void => {
    const task = this.#running.get(id)
    if (task) {
      this.#running.delete(task)
      if (error) {
        this.#options.onFailure(task, this)
        task.reject(reviveError(error))
      } else task.resolve(value)
    } else {
      if (!this.#cancelled.has(id)) return
      this.#options.clock.clearTimeout(this.#cancelled.get(id))
      this.#cancelled.delete(id)
    }
    this.#free()
  }

  #free(): void {
    this.host.activeTasks--
    this.#options.onRoom()
  }

  #lose(error: SystemError): void {
    if (this.#isGone) return
    for (const task of this.#running.list()) this.#options.onFailure(task, this)
    this.#close(() => error)
    this.#options.onLost(this)
  }

  #close(toError: (task: PendingTask) => SystemError): void {
    this.#isGone = true
    for (const stop of this.#stops) stop()
    for (const timer of this.#cancelled.values()) this.#options.clock.clearTimeout(timer)
    this.host.activeTasks -= this.#running.size + this.#cancelled.size
    const tasks = this.#running.list()
    this.#running.clear()
    this.#cancelled.clear()
    this.#outbox = []
    for (const task of tasks) task.reject(toError(task))
  }
}

/** The buffers that move along with the inputs of these tasks. */
function movedWith(tasks: readonly PendingTask[]): Transferable[] {
  const moved: Transferable[] = []
  for (const { order } of tasks) moved.push(...takeAlong(order.input, 'input'))
  return moved
}

function stuck(hostId: string, timeoutMs: number): SystemError {
  return new SystemError(
    'UNAVAILABLE',
    `Worker "${hostId}" did not answer within ${timeoutMs} ms that a task is to end: it is replaced`,
    { context: { workerId: hostId, timeoutMs } },
  )
}
