import { isThenable } from '../../core/is-thenable.js'
import type { TaskFunction } from '../../core/step-executor.js'
import { SystemError, reviveError, serializeError } from '../../core/system-error.js'
import { toTaskError, unknownTask } from '../../core/task-error.js'
import { explainTravel, takeAlong } from '../messages/check-travel.js'
import type { ManagerCommands, WireTask, WireTaskResult } from '../messages/protocol.js'
import { TaskRun } from './task-run.js'
import type { WorkerLink } from './worker-link.js'

/** So many results leave together at most: whoever waits for them can go on while the next are put together. */
const MAX_BATCH = 16

/**
 * Runs the tasks of one worker. Results of one turn of the event loop leave together.
 *
 * Invariant: each task is answered exactly once; one that was cancelled at once, whatever it does afterwards.
 */
export class TaskServer {
  readonly #tasks: Readonly<Record<string, TaskFunction<never>>>
  readonly #link: WorkerLink
  readonly #running = new Map<number, TaskRun>()
  #results: WireTaskResult[] = []

  constructor(tasks: Readonly<Record<string, TaskFunction<never>>>, link: WorkerLink) {
    this.#tasks = tasks
    this.#link = link
  }

  start({ tasks }: ManagerCommands['task']): void {
    for (const each of tasks) this.#run(each)
  }

  cancel({ taskId, reason }: ManagerCommands['taskCancel']): void {
    const run = this.#running.get(taskId)
    // Otherwise its result is under way, and is the answer.
    if (!run) return
    run.abort(reviveError(reason))
    this.#end(taskId, { id: taskId, error: reason })
  }

  close(): void {
    const reason = new SystemError('UNAVAILABLE', 'The worker has been ended')
    for (const run of this.#running.values()) run.abort(reason)
    this.#running.clear()
  }

  #run(order: WireTask): void {
    const [id, task, input] = order
    const run = new TaskRun(order, this.#link)
    this.#running.set(id, run)
    const fail = (error: unknown) => this.#end(id, { id, error: serializeError(toTaskError(error, task)) })
    try {
      if (!Object.hasOwn(this.#tasks, task)) throw unknownTask(task, Object.keys(this.#tasks))
      const value = this.#tasks[task]!(input as never, run)
      if (isThenable(value)) value.then((result) => this.#end(id, { id, value: result }), fail)
      else this.#end(id, { id, value })
    } catch (error) {
      fail(error)
    }
  }

  #end(id: number, result: WireTaskResult): void {
    if (!this.#running.delete(id)) return
    // One turn later: tasks that go on at the same time end at the same time.
    const count = this.#results.push(result)
    if (count === 1) queueMicrotask(() => queueMicrotask(() => this.#flush()))
    else if (count === MAX_BATCH) this.#flush()
  }

  #flush(): void {
    const results = this.#results
    this.#results = []
    if (results.length === 0) return
    try {
      const moved = results.flatMap(({ value }) => takeAlong(value, 'result'))
      this.#link.send('taskResult', { results }, moved)
    } catch {
      // One of them cannot travel: each goes by itself, so that the others are not lost with it.
      for (const result of results) this.#sendAlone(result)
    }
  }

  #sendAlone(result: WireTaskResult): void {
    const { id, value } = result
    try {
      this.#link.send('taskResult', { results: [result] }, takeAlong(value, 'result'))
    } catch (error) {
      const failure = serializeError(explainTravel(value, 'result', error))
      this.#link.send('taskResult', { results: [{ id, error: failure }] })
    }
  }
}
