import { SystemError, describe, isSystemError } from '../core/system-error.js'
import type { RunMetadata, RunResult } from './run-result.js'
import type { RuntimeContext } from './runtime-context.js'

/** A call that came to no run, as the result of one. */
export function refuse(
  error: unknown,
  metadata: Omit<RunMetadata, 'durationMs'>,
): RunResult & { readonly ok: false } {
  return {
    ok: false,
    error: isSystemError(error)
      ? error
      : new SystemError('EXECUTION_FAILED', describe(error), { cause: error }),
    metadata: { ...metadata, durationMs: 0, status: 'failed' },
  }
}

/** Anything that was thrown, as the error of a run. */
export function toRunError(error: unknown, runId: string): SystemError {
  if (isSystemError(error)) return error
  return new SystemError('EXECUTION_FAILED', `The run failed: ${describe(error)}`, {
    cause: error,
    context: { runId },
  })
}

export function noWorkflow(workflowId: string): SystemError {
  return new SystemError('NOT_FOUND', `There is no workflow "${workflowId}": register it first`, {
    context: { workflowId },
  })
}

/** Why nothing can be done with a run that does not live. */
export function notLive(context: RuntimeContext, verb: string, runId: string): SystemError {
  const known = context.runs.info(runId)
  if (!known)
    return new SystemError('NOT_FOUND', `Cannot ${verb} run ${runId}: there is no such run`, {
      context: { runId },
    })
  const { status, error } = known
  // It would be paused, could it go on here.
  if (status === 'paused' && error) return error
  const what = status === 'queued' ? 'is still queued' : `has ${status} already`
  return new SystemError('INVALID_COMMAND', `Cannot ${verb} run ${runId}: it ${what}`, {
    context: { runId, status },
  })
}
