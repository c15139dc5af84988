import type { StepTask } from '../../core/step-executor.js'
import type { WireStep } from '../protocol/messages.js'

/** So many steps of one task are remembered, those of late. */
const MAX_KNOWN = 16

type Identity = Pick<StepTask, 'workflowId' | 'pipelineId' | 'stageId' | 'stepId' | 'timeoutMs'>

/** What all requests of a step say alike, written once: the field `step` of their messages. For steps of one task. */
export class StepFields {
  readonly #category: string | undefined
  readonly #known: { readonly of: Identity; readonly field: string }[] = []

  constructor(category: string | undefined) {
    this.#category = category
  }

  /** The same string for the same step. */
  of(task: StepTask): string {
    for (const { of, field } of this.#known) if (isSame(of, task)) return field
    const { workflowId, pipelineId, stageId, stepId, timeoutMs } = task
    const step: WireStep = {
      category: this.#category,
      workflowId,
      pipelineId,
      stageId,
      stepId,
      timeoutMs: Number.isFinite(timeoutMs) ? timeoutMs : null,
      requires: task.requires,
    }
    const field = `"step":${JSON.stringify(step)}`
    this.#known.unshift({ of: { workflowId, pipelineId, stageId, stepId, timeoutMs }, field })
    if (this.#known.length > MAX_KNOWN) this.#known.pop()
    return field
  }
}

function isSame(one: Identity, other: Identity): boolean {
  return (
    one.stepId === other.stepId &&
    one.stageId === other.stageId &&
    one.pipelineId === other.pipelineId &&
    one.workflowId === other.workflowId &&
    one.timeoutMs === other.timeoutMs
  )
}
