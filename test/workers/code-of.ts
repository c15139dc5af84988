import { isSystemError } from 'busline'

/** The code of the error that a call ends with; `undefined` when it ends well. */
export function codeOf(call: () => unknown): string | undefined {
  try {
    call()
    return undefined
  } catch (error) {
    if (isSystemError(error)) return error.code
    throw error
  }
}
