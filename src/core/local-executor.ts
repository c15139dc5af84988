import { checkRequires } from './check-requires.js'
import { freezePlainData } from './plain-data.js'
import type { StepExecutor, TaskContext, TaskFunction } from './step-executor.js'
import { SystemError } from './system-error.js'
import { toTaskError, unknownTask } from './task-error.js'

/**
 * Runs tasks in this thread: for tests, and for tasks that will move elsewhere one day. Input and result are held to what
 * can travel, plain data, so that the move changes nothing.
 */
export function localExecutor(tasks: Readonly<Record<string, TaskFunction>>): StepExecutor {
  const closers = new Set<() => void>()
  let isClosed = false
  return {
    async execute({ input, ...order }, { signal, logger, progress }) {
      const { task } = order
      if (isClosed) throw closedError(task)
      signal.throwIfAborted()
      if (!Object.hasOwn(tasks, task)) throw unknownTask(task, Object.keys(tasks))
      checkRequires(order)
      const context = { signal, logger, progress, ...order }
      const data = freezePlainData(input, 'input')
      return await new Promise((resolve, reject) => {
        const onAbort = () => settle(reject, signal.reason)
        const onClose = () => settle(reject, closedError(task))
        const settle = <Value>(how: (value: Value) => void, value: Value) => {
          signal.removeEventListener('abort', onAbort)
          closers.delete(onClose)
          how(value)
        }
        signal.addEventListener('abort', onAbort)
        closers.add(onClose)
        runTask(tasks[task]!, data, context).then(
          (result) => settle(resolve, result),
          (error: unknown) => settle(reject, error),
        )
      })
    },
    close() {
      isClosed = true
      for (const onClose of [...closers]) onClose()
      return Promise.resolve()
    },
  }
}

async function runTask(run: TaskFunction, input: unknown, context: TaskContext): Promise<unknown> {
  let result: unknown
  try {
    result = await run(input as never, context)
  } catch (error) {
    throw toTaskError(error, context.task)
  }
  return freezePlainData(result, 'result')
}

function closedError(task: string): SystemError {
  return new SystemError('UNAVAILABLE', `Cannot run task "${task}": the executor is closed`, {
    context: { task },
  })
}
