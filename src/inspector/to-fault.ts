import { SystemError, describe, isSystemError } from '../core/system-error.js'

/** Anything thrown as a `SystemError`. */
export function toFault(error: unknown): SystemError {
  if (isSystemError(error)) return error
  return new SystemError('UNAVAILABLE', `The source does not answer: ${describe(error)}`, { cause: error })
}
