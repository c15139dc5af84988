import { type SerializedError, serializeError } from '../../core/system-error.js'
import type { WorkflowRuntime } from '../../runtime/workflow-runtime.js'
import type { CallHandler } from '../manager/worker-manager-options.js'

/** What a runner gives to `ctx.call('invokeWorkflow', …)`. */
export interface WorkflowCall {
  readonly workflowId: string
  readonly triggerId: string
  readonly payload?: unknown
}

/** What comes back: how the run stands after its first leg. */
export type WorkflowCallAnswer =
  | {
      readonly ok: true
      readonly runId: string
      readonly status: 'succeeded' | 'paused'
      readonly state: unknown
      readonly durationMs: number
    }
  | {
      readonly ok: false
      readonly runId: string
      readonly error: SerializedError
      readonly durationMs: number
    }

/**
 * Handlers for a manager whose runners invoke workflows, so that a workflow can be put under load by itself:
 * `new WorkerManager({ host, handlers: workflowCalls(runtime) })`.
 */
export function workflowCalls(runtime: Pick<WorkflowRuntime, 'invoke'>): {
  readonly invokeWorkflow: CallHandler
} {
  return {
    async invokeWorkflow(call): Promise<WorkflowCallAnswer> {
      const { workflowId, triggerId, payload } = (call ?? {}) as WorkflowCall
      const result = await runtime.invoke(workflowId, triggerId, payload)
      const { runId, durationMs } = result.metadata
      if (!result.ok) return { ok: false, runId, durationMs, error: serializeError(result.error) }
      const { status, state } = result.value
      return { ok: true, runId, durationMs, status, state }
    },
  }
}
