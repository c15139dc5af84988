import { SystemError, describe, isSystemError } from './system-error.js'

/**
 * What a task threw, as the error that travels to the step: a `SystemError` stays what it is, anything else becomes the
 * cause of an `EXECUTION_FAILED`. An error that says `retryable: false` says so in its context, which survives the way.
 */
export function toTaskError(thrown: unknown, task: string): SystemError {
  const isFinal = readRetryable(thrown) === false
  if (isSystemError(thrown) && !isFinal) return thrown
  const facts = isSystemError(thrown) ? thrown.context : {}
  const context = { ...facts, task, ...(isFinal ? { retryable: false } : {}) }
  if (isSystemError(thrown)) {
    const { code, message, cause, errors } = thrown
    return new SystemError(code, message, { cause, context, ...(errors ? { errors } : {}) })
  }
  return new SystemError('EXECUTION_FAILED', `Task "${task}" failed: ${describe(thrown)}`, {
    cause: thrown,
    context,
  })
}

/** The error of a task that nobody there knows; says which there are. */
export function unknownTask(task: string, known: readonly string[]): SystemError {
  const names = known.length === 0 ? 'there are none' : `there are ${known.slice(0, 20).join(', ')}`
  return new SystemError('NOT_FOUND', `Cannot run task "${task}": no such task; ${names}`, {
    context: { task },
  })
}

function readRetryable(thrown: unknown): unknown {
  try {
    return (thrown as { retryable?: unknown } | null | undefined)?.retryable
  } catch {
    return undefined
  }
}
