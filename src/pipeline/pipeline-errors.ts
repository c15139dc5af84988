import { SystemError, describe, isSystemError } from '../core/system-error.js'

/** Anything that was thrown, as the error of a run: one of ours is left as it is. */
export function toSystemError(error: unknown, doing?: string): SystemError {
  if (isSystemError(error)) return error
  const message = doing === undefined ? describe(error) : `${doing} failed: ${describe(error)}`
  return new SystemError('EXECUTION_FAILED', message, { cause: error })
}

/** The one error of a stage, holding those of its steps. */
export function stageFailed(stageId: string, runId: string, errors: readonly SystemError[]): SystemError {
  const message = `Stage "${stageId}" failed: ${errors.map(({ message }) => message).join('; ')}`
  return new SystemError('EXECUTION_FAILED', message, {
    cause: errors[0],
    errors,
    context: { runId, stageId },
  })
}

export function timedOut(
  what: string,
  timeoutMs: number,
  context: Readonly<Record<string, unknown>>,
): SystemError {
  return new SystemError('TIMEOUT', `${what} took longer than its timeout of ${timeoutMs} ms`, { context })
}

export function loopLimit(stageId: string, maxVisits: number, runId: string): SystemError {
  return new SystemError(
    'LOOP_LIMIT',
    `Stage "${stageId}" was to be visited more than ${maxVisits} times: end the loop, or raise maxVisits`,
    { context: { runId, stageId, maxVisits } },
  )
}

/** A command that does not fit the present status. */
export function refused(verb: string, status: string, runId: string): SystemError {
  return new SystemError('INVALID_COMMAND', `Cannot ${verb} the run: it is ${status}`, {
    context: { runId, status },
  })
}

/** The error of a run some of whose compensations failed as well. */
export function withCompensationError(error: SystemError, more: SystemError): SystemError {
  return new SystemError(error.code, error.message, {
    cause: error.cause,
    context: { ...error.context, compensationFailed: true },
    errors: [...(error.errors ?? []), more],
  })
}
