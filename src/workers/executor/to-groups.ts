import type { StepTask } from '../../core/step-executor.js'
import type { WireTask, WireTaskGroup } from '../messages/protocol.js'
import type { PendingTask } from './pending-task.js'

/** Puts tasks that follow one another and are of one step together. Their order stays. */
export function toGroups(tasks: readonly PendingTask[]): readonly WireTaskGroup[] {
  const groups: WireTaskGroup[] = []
  let last: StepTask | undefined
  let members: WireTask[] = []
  for (const { id, order } of tasks) {
    if (!last || !isSameStep(last, order)) {
      members = []
      groups.push([
        order.task,
        order.workflowId,
        order.pipelineId,
        order.stageId,
        order.stepId,
        order.path,
        order.attempt,
        order.timeoutMs,
        order.requires,
        members,
      ])
    }
    last = order
    members.push([id, order.input, order.runId, order.idempotencyKey, order.key])
  }
  return groups
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
