import { SystemError, describe, isSystemError } from '../core/system-error.js'
import type { RunMetadata, RunResult } from './run-result.js'

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
