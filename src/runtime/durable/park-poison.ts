import { SystemError, serializeError } from '../../core/system-error.js'
import type { PipelineCheckpoint, Wait } from '../../pipeline/checkpoint.js'
import type { RunCheckpoint } from '../workflow-definition.js'

/** How often a stage may be cut off before it waits for a person. */
const MAX_INTERRUPTIONS = 10

/**
 * A stage that has brought its process down again and again, of the run itself or of a child at any depth, is not tried
 * once more without a person. Of children that were under way together nobody knows which it was: all of them wait.
 */
export function parkPoison(checkpoint: RunCheckpoint): RunCheckpoint {
  const root = park(checkpoint.root, checkpoint.runId)
  return root === checkpoint.root ? checkpoint : { ...checkpoint, root }
}

function park(pipeline: PipelineCheckpoint, runId: string): PipelineCheckpoint {
  const { inside, status, next, interruptions } = pipeline
  if (inside) {
    const children = inside.children.map((child) => ({ ...child, checkpoint: park(child.checkpoint, runId) }))
    const isSame = children.every(
      ({ checkpoint }, index) => checkpoint === inside.children[index]!.checkpoint,
    )
    return isSame ? pipeline : { ...pipeline, inside: { ...inside, children } }
  }
  // That it is running says that it was cut off once more than was counted.
  const times = interruptions + 1
  if (status !== 'running' || times < MAX_INTERRUPTIONS || next === undefined) return pipeline
  const error = new SystemError(
    'EXECUTION_FAILED',
    `Stage "${next}" was cut off ${times} times: resume the run to try it again`,
    { context: { runId, stageId: next } },
  )
  const wait: Wait = {
    kind: 'exhausted',
    stageId: next,
    since: pipeline.startedAt,
    error: serializeError(error),
  }
  return { ...pipeline, status: 'paused', interruptions: 0, wait }
}
