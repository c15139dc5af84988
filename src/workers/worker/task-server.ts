import type { Clock } from '../../core/clock.js'
import { isThenable } from '../../core/is-thenable.js'
import type { TaskFunction } from '../../core/step-executor.js'
import { SystemError, reviveError, serializeError } from '../../core/system-error.js'
import { toTaskError, unknownTask } from '../../core/task-error.js'
import { explainTravel, takeAlong } from '../messages/check-travel.js'
import type { ManagerCommands } from '../messages/protocol.js'
import {
  type WireResult,
  type WireTask,
  type WireTaskGroup,
  type WireTasks,
  readTasks,
  writeResults,
} from '../messages/task-messages.js'
import { TaskRun } from './task-run.js'
import type { WorkerLink } from './worker-link.js'

/** So many results leave together at most: whoever waits for them can go on while the next are put together. */
const MAX_BATCH = 16

/** A result waits no longer than this, in milliseconds, for those of the tasks that came with it. */
const MAX_WAIT_MS = 1

/** A task that waits for something. */
interface RunningTask {
  readonly id: number
  readonly run: TaskRun
  /** Where it stands in the list of these; below 0 once it has been answered. */
  index: number
}

/**
 * Runs the tasks of one worker. Results of one turn of the event loop leave together.
 *
 * Invariant: each task is answered exactly once; one that was cancelled at once, whatever it does afterwards.
 */
export class TaskServer {
  readonly #tasks: Readonly<Record<string, TaskFunction<never>>>
  readonly #link: WorkerLink
  readonly #clock: Clock
  /** Those that wait for something: one that does not has ended before anybody could ask for it. In no order. */
  readonly #running: RunningTask[] = []
  #results: WireResult[] = []
  #isStarting = false
  #isFlushDue = false

  constructor(tasks: Readonly<Record<string, TaskFunction<never>>>, link: WorkerLink, clock: Clock) {
    this.#tasks = tasks
    this.#link = link
    this.#clock = clock
  }

  start(tasks: WireTasks): void {
    let since = this.#clock.now()
    this.#isStarting = true
    readTasks(tasks, (group, task) => {
      this.#run(group, task)
      const now = this.#clock.now()
      if (now - since < MAX_WAIT_MS) return
      this.#flush()
      since = now
    })
    this.#isStarting = false
    this.#flush()
  }

  cancel({ taskId, reason }: ManagerCommands['taskCancel']): void {
    const task = this.#running.find(({ id }) => id === taskId)
    // Otherwise its result is under way, and is the answer.
    if (!task) return
    task.run.abort(reviveError(reason))
    this.#end(task, [taskId, undefined, reason])
  }

  close(): void {
    const reason = new SystemError('UNAVAILABLE', 'The worker has been ended')
    for (const task of this.#running.splice(0)) {
      task.index = -1
      task.run.abort(reason)
    }
  }

  #run(group: WireTaskGroup, order: WireTask): void {
    const [name] = group
    const [id, input] = order
    try {
      if (!Object.hasOwn(this.#tasks, name)) throw unknownTask(name, Object.keys(this.#tasks))
      const run = new TaskRun(group, order, this.#link)
      const value = this.#tasks[name]!(input as never, run)
      if (!isThenable(value)) return this.#answer([id, value, undefined])
      const task: RunningTask = { id, run, index: this.#running.length }
      this.#running.push(task)
      // Of another kind than the host's it may give another promise, as `await` knows.
      const promise = value instanceof Promise ? value : Promise.resolve(value)
      promise.then(
        (result) => this.#end(task, [id, result, undefined]),
        (error: unknown) => this.#end(task, failed(id, error, name)),
      )
    } catch (error) {
      this.#answer(failed(id, error, name))
    }
  }

  /** Answers for a task that was under way, unless that has been done. */
  #end(task: RunningTask, result: WireResult): void {
    const { index } = task
    if (index < 0) return
    task.index = -1
    const last = this.#running.pop()!
    if (last !== task) {
      this.#running[index] = last
      last.index = index
    }
    this.#answer(result)
  }

  #answer(result: WireResult): void {
    const count = this.#results.push(result)
    if (count >= MAX_BATCH) this.#flush()
    else if (!this.#isStarting && !this.#isFlushDue) {
      this.#isFlushDue = true
      // One turn later: tasks that go on at the same time end at the same time.
      queueMicrotask(() =>
        queueMicrotask(() => {
          this.#isFlushDue = false
          this.#flush()
        }),
      )
    }
  }

  #flush(): void {
    const results = this.#results
    if (results.length === 0) return
    this.#results = []
    try {
      const moved: Transferable[] = []
      for (const [, value] of results) moved.push(...takeAlong(value, 'result'))
      this.#link.sendResults(writeResults(results), moved)
    } catch {
      // One of them cannot travel: each goes by itself, so that the others are not lost with it.
      for (const result of results) this.#sendAlone(result)
    }
  }

  #sendAlone(result: WireResult): void {
    const [id, value] = result
    try {
      this.#link.sendResults(writeResults([result]), takeAlong(value, 'result'))
    } catch (error) {
      const explained = serializeError(explainTravel(value, 'result', error))
      this.#link.sendResults(writeResults([[id, undefined, explained]]), [])
    }
  }
}

function failed(id: number, error: unknown, task: string): WireResult {
  return [id, undefined, serializeError(toTaskError(error, task))]
}
