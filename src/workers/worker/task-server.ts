import type { Logger } from '../../core/logger.js'
import type { TaskContext, TaskFunction } from '../../core/step-executor.js'
import { SystemError, isSystemError, reviveError, serializeError } from '../../core/system-error.js'
import type { ManagerCommands, WireTask, WireTaskResult } from '../protocol.js'
import { transferListOf } from '../transfer.js'
import { uncloneable } from '../runner-errors.js'
import type { WorkerLink } from './worker-link.js'

type AnyTask = TaskFunction<never>

/** Runs the tasks of one worker. Results of one turn of the event loop leave together. */
export class TaskServer {
  readonly #tasks: Readonly<Record<string, AnyTask>>
  readonly #link: WorkerLink
  readonly #running = new Map<number, AbortController>()
  #results: WireTaskResult[] = []
  #transfer: Transferable[] = []

  constructor(tasks: Readonly<Record<string, AnyTask>>, link: WorkerLink) {
    this.#tasks = tasks
    this.#link = link
  }

  start({ tasks }: ManagerCommands['task']): void {
    for (const each of tasks) void this.#run(each)
  }

  cancel({ taskId, reason }: ManagerCommands['taskCancel']): void {
    this.#running.get(taskId)?.abort(reviveError(reason))
  }

  close(): void {
    const reason = new SystemError('UNAVAILABLE', 'The worker has been ended')
    for (const controller of this.#running.values()) controller.abort(reason)
  }

  async #run({ id, task }: WireTask): Promise<void> {
    const controller = new AbortController()
    this.#running.set(id, controller)
    try {
      if (!Object.hasOwn(this.#tasks, task.task)) throw unknownTask(task.task, Object.keys(this.#tasks))
      const { input, ...identity } = task
      const value = await this.#tasks[task.task]!(
        input as never,
        this.#createContext(id, identity, controller.signal),
      )
      this.#finish({ id, value }, transferListOf(value))
    } catch (error) {
      this.#finish({ id, error: serializeError(asFailure(task.task, error)) }, [])
    } finally {
      this.#running.delete(id)
    }
  }

  #createContext(
    taskId: number,
    identity: Omit<WireTask['task'], 'input'>,
    signal: AbortSignal,
  ): TaskContext {
    const link = this.#link
    let logger: Logger | undefined
    return {
      ...identity,
      signal,
      get logger() {
        return (logger ??= link.logger((level, line, data) =>
          link.send('taskLog', { taskId, level, message: line, data }),
        ))
      },
      progress: (fraction, line) =>
        link.send('taskProgress', { taskId, fraction, ...(line === undefined ? {} : { message: line }) }),
    }
  }

  #finish(result: WireTaskResult, transfer: readonly Transferable[]): void {
    if (this.#results.push(result) === 1) queueMicrotask(() => this.#flush())
    this.#transfer.push(...transfer)
  }

  #flush(): void {
    const results = this.#results
    const transfer = this.#transfer
    this.#results = []
    this.#transfer = []
    try {
      this.#link.send('taskResult', { results }, transfer)
    } catch {
      // One of them cannot travel: each goes by itself, so that the others are not lost with it.
      for (const result of results) this.#sendAlone(result)
    }
  }

  #sendAlone(result: WireTaskResult): void {
    try {
      this.#link.send('taskResult', { results: [result] }, transferListOf(result.value))
    } catch (error) {
      const failure = serializeError(uncloneable('the result of a task', error))
      this.#link.send('taskResult', { results: [{ id: result.id, error: failure }] })
    }
  }
}

function unknownTask(task: string, allowed: readonly string[]): SystemError {
  const list = allowed.length > 0 ? `allowed are ${allowed.join(', ')}` : 'this worker has no tasks'
  return new SystemError('NOT_FOUND', `There is no task "${task}": ${list}`, { context: { task, allowed } })
}

function asFailure(task: string, error: unknown): SystemError {
  if (isSystemError(error)) return error
  return new SystemError('EXECUTION_FAILED', `Task "${task}" failed`, { cause: error, context: { task } })
}
