import { type ErrorCode, SystemError, describe, isSystemError } from '../../core/system-error.js'
import { type RunnerCommand, type RunnerState, allowedCommands } from './runner-state.js'

/**
 * Why a command or a message came to nothing, as `context.reason` of the error. The code says what kind of fault it
 * is, as everywhere in Busline; `docs/workers.md` has the list.
 */
export type WorkerErrorReason =
  | 'INVALID_TRANSITION'
  | 'UNKNOWN_COMMAND'
  | 'UNKNOWN_RUNNER_TYPE'
  | 'UNKNOWN_RUNNER'
  | 'UNKNOWN_WORKER'
  | 'MESSAGE_TIMEOUT'
  | 'WORKER_LOST'
  | 'WORKER_START_FAILED'
  | 'QUEUE_FULL'
  | 'NOT_HANDSHAKE'

export function invalidTransition(runnerId: string, from: RunnerState, command: RunnerCommand): SystemError {
  const allowed = allowedCommands(from)
  const hint = allowed.length > 0 ? `allowed are ${allowed.join(', ')}` : 'nothing is, this state is final'
  return workerError(
    'INVALID_COMMAND',
    'INVALID_TRANSITION',
    `Cannot ${command} a runner that is ${from}: ${hint}`,
    {
      runnerId,
      command,
      from,
      allowed,
    },
  )
}

export function unknownRunner(runnerId: string, workerId: string): SystemError {
  return workerError(
    'NOT_FOUND',
    'UNKNOWN_RUNNER',
    `There is no runner "${runnerId}" on worker "${workerId}"`,
    {
      runnerId,
      workerId,
    },
  )
}

export function unknownWorker(workerId: string): SystemError {
  return workerError('NOT_FOUND', 'UNKNOWN_WORKER', `There is no worker "${workerId}"`, { workerId })
}

export function workerError(
  code: ErrorCode,
  reason: WorkerErrorReason,
  message: string,
  context: Readonly<Record<string, unknown>> = {},
  cause?: unknown,
): SystemError {
  return new SystemError(code, message, {
    context: { reason, ...context },
    ...(cause === undefined ? {} : { cause }),
  })
}

/** What user code threw, as an error of ours with its cause. */
export function executionFailed(
  what: string,
  error: unknown,
  context: Readonly<Record<string, unknown>>,
): SystemError {
  if (isSystemError(error)) return error
  return new SystemError('EXECUTION_FAILED', `${what} failed: ${describe(error)}`, { cause: error, context })
}

/** The error for what structured clone refuses. */
export function uncloneable(what: string, cause: unknown): SystemError {
  return new SystemError('VALIDATION', `Cannot send ${what}: ${describe(cause)}; give what can be cloned`, {
    cause,
    context: { issues: [{ path: '', message: 'must be structured-cloneable' }] },
  })
}
