import type { StepTask, TaskControl } from 'busline'
import { quietLogger } from './quiet-logger.js'

let count = 0

/** What a step hands to its executor. */
export function stepTask(task: string, input: unknown = null, more: Partial<StepTask> = {}): StepTask {
  const id = ++count
  return {
    task,
    input,
    runId: `run-${id}`,
    workflowId: 'orders',
    pipelineId: 'main',
    stageId: 'work',
    stepId: task,
    path: `work/${task}`,
    attempt: 1,
    idempotencyKey: `key-${id}`,
    timeoutMs: Infinity,
    requires: {},
    key: undefined,
    ...more,
  }
}

export function taskControl(more: Partial<TaskControl> = {}): TaskControl {
  return { signal: new AbortController().signal, logger: quietLogger(), progress: () => undefined, ...more }
}
