import { SystemError, serializeError } from '../../core/system-error.js'
import type { PipelineCheckpoint, Wait } from '../../pipeline/checkpoint.js'
import type { RunCheckpoint } from '../workflow-definition.js'

/** How often a stage, or the undoing of one, may be cut off before it waits for a person. */
const MAX_INTERRUPTIONS = 10

/**
 * How often a hook may be cut off before it is given up. More often than a stage: one that brings the process down waits
 * for a person by then, so that hooks which were only under way beside it are not given up with it.
 */
export const MAX_HOOK_INTERRUPTIONS = 2 * MAX_INTERRUPTIONS

/**
 * A stage, or a compensation, that has brought its process down again and again, of the run itself or of a child at any depth, is not tried
 * once more without a person. Of children that were under way together nobody knows which it was: all of them wait.
 */
export function parkPoison(checkpoint: RunCheckpoint): RunCheckpoint {
  const root = park(checkpoint.root, checkpoint.runId)
  return root === checkpoint.root ? checkpoint : { ...checkpoint, root }
}

function park(pipeline: PipelineCheckpoint, runId: string): PipelineCheckpoint {
  const { inside, status, next, interruptions, ending, ledger } = pipeline
  if (inside) {
    const children = inside.children.map((child) => ({ ...child, checkpoint: park(child.checkpoint, runId) }))
    const isSame = children.every(
      ({ checkpoint }, index) => checkpoint === inside.children[index]!.checkpoint,
    )
    return isSame ? pipeline : { ...pipeline, inside: { ...inside, children } }
  }
  // That it is running says that it was cut off once more than was counted.
  const times = interruptions + 1
  const stageId = ending ? ledger.at(-1)?.stageId : next
  if (status !== 'running' || times < MAX_INTERRUPTIONS || stageId === undefined) return pipeline
  const what = ending ? `The compensation of stage "${stageId}"` : `Stage "${stageId}"`
  const error = new SystemError(
    'EXECUTION_FAILED',
    `${what} was cut off ${times} times: resume the run to try it again`,
    { context: { runId, stageId } },
  )
  const wait: Wait = {
    kind: 'exhausted',
    stageId,
    since: pipeline.startedAt,
    error: serializeError(error),
  }
  return { ...pipeline, status: 'paused', interruptions: 0, wait }
}
