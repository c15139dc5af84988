import type { StepTask } from '../../core/step-executor.js'
import type { SerializedError } from '../../core/system-error.js'

/**
 * Tasks and results are the only messages that come by the hundred thousand. They are flat lists: the names of fields,
 * and lists in lists, take longer on the way to a thread than all that small tasks hold.
 */
export type TaskMessage = WireTasks | WireResults

const TASKS = 'tasks'
const RESULTS = 'results'

/** Tasks on their way to a worker, those of one step that follow one another in a group. */
export type WireTasks = readonly [mark: typeof TASKS, ...groups: WireTaskGroup[]]

/** What tasks of one step share, and then {@link WireTask} after `WireTask`. */
export type WireTaskGroup = readonly [
  task: string,
  workflowId: string,
  pipelineId: string,
  stageId: string,
  stepId: string,
  path: string,
  attempt: number,
  timeoutMs: number,
  requires: StepTask['requires'],
  ...tasks: unknown[],
]

/** A task's own part. `id` is unique per host and chosen by the sender. */
export type WireTask = readonly [
  id: number,
  input: unknown,
  runId: string,
  idempotencyKey: string,
  key: string | undefined,
]

/** How tasks ended: {@link WireResult} after `WireResult`. */
export type WireResults = readonly [mark: typeof RESULTS, ...results: unknown[]]

/** With `value`, or with `error`. */
export type WireResult = readonly [id: number, value: unknown, error: SerializedError | undefined]

const STEP_FIELDS = 9
const TASK_FIELDS = 5
const RESULT_FIELDS = 3

export function isWireTasks(data: unknown): data is WireTasks {
  return Array.isArray(data) && data[0] === TASKS
}

export function isWireResults(data: unknown): data is WireResults {
  return Array.isArray(data) && data[0] === RESULTS
}

/** Puts tasks into a message, in their order. */
export function writeTasks(tasks: readonly { readonly id: number; readonly order: StepTask }[]): WireTasks {
  const message: unknown[] = [TASKS]
  let last: StepTask | undefined
  let group: unknown[] = []
  for (const { id, order } of tasks) {
    if (!last || !isSameStep(last, order)) {
      const { task, workflowId, pipelineId, stageId, stepId, path, attempt, timeoutMs, requires } = order
      group = [task, workflowId, pipelineId, stageId, stepId, path, attempt, timeoutMs, requires]
      message.push(group)
    }
    last = order
    group.push(id, order.input, order.runId, order.idempotencyKey, order.key)
  }
  return message as unknown as WireTasks
}

export function readTasks(message: WireTasks, onTask: (group: WireTaskGroup, task: WireTask) => void): void {
  for (let index = 1; index < message.length; index++) {
    const group = message[index] as WireTaskGroup
    for (let at = STEP_FIELDS; at < group.length; at += TASK_FIELDS) {
      const task = [group[at], group[at + 1], group[at + 2], group[at + 3], group[at + 4]]
      onTask(group, task as unknown as WireTask)
    }
  }
}

export function writeResults(results: readonly WireResult[]): WireResults {
  const message: [typeof RESULTS, ...unknown[]] = [RESULTS]
  for (const [id, value, error] of results) message.push(id, value, error)
  return message
}

export function readResults(
  message: WireResults,
  onResult: (id: number, value: unknown, error: SerializedError | undefined) => void,
): void {
  for (let at = 1; at < message.length; at += RESULT_FIELDS) {
    onResult(message[at] as number, message[at + 1], message[at + 2] as SerializedError | undefined)
  }
}

function isSameStep(one: StepTask, other: StepTask): boolean {
  return (
    one.task === other.task &&
    one.stepId === other.stepId &&
    one.stageId === other.stageId &&
    one.path === other.path &&
    one.pipelineId === other.pipelineId &&
    one.workflowId === other.workflowId &&
    one.attempt === other.attempt &&
    one.timeoutMs === other.timeoutMs &&
    one.requires === other.requires
  )
}
