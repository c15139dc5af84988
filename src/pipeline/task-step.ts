import type { StepExecutor, StepTask, TaskControl } from '../core/step-executor.js'
import { SystemError } from '../core/system-error.js'
import type { TaskStep } from './pipeline-definition.js'
import type { RunHost } from './run-host.js'
import type { StepContext } from './step-context.js'

/** The step as the engine takes it: its functions are typed by what they return. */
export type AnyTaskStep = Pick<TaskStep, 'task' | 'executor' | 'requires'> & {
  input?(context: never): unknown
  output?(result: unknown, context: never): unknown
}

/** The action of a step whose work is done elsewhere: hands the task to the executor and brings the result back. */
export function taskAction(
  { task, executor, requires = NOTHING, ...step }: AnyTaskStep,
  timeoutMs: number,
): (context: StepContext & TaskControl, host: RunHost) => Promise<unknown> {
  return async (context, host) => {
    const place = findExecutor(host, task, executor)
    const input = step.input ? await step.input(context as never) : context.state
    const order: StepTask = {
      task,
      input,
      runId: context.runId,
      workflowId: context.workflowId,
      pipelineId: context.pipelineId,
      stageId: context.stageId,
      stepId: context.stepId,
      path: context.path,
      attempt: context.attempt,
      idempotencyKey: context.idempotencyKey,
      timeoutMs,
      requires,
      key: host.key,
    }
    const result = await place.execute(order, context)
    return step.output ? step.output(result, context as never) : result
  }
}

const NOTHING = Object.freeze({})

function findExecutor(host: RunHost, task: string, name: string | undefined): StepExecutor {
  const executor = host.executor?.(name)
  if (executor) return executor
  const wanted = name === undefined ? 'an executor' : `the executor "${name}"`
  throw new SystemError(
    'NOT_FOUND',
    `Cannot run task "${task}": give the runtime ${wanted} in \`executors\``,
    {
      context: { task, ...(name === undefined ? {} : { executor: name }) },
    },
  )
}
