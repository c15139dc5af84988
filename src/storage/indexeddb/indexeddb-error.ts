import { describe, isSystemError, SystemError } from '../../core/system-error.js'

/** The name of a `DOMException`, or of any error. */
export function nameOf(error: unknown): string | undefined {
  return (error as { name?: string } | null)?.name
}

/** The `STORAGE` error for what a transaction ended with. */
export function indexedDbError(error: unknown, database: string): SystemError {
  if (isSystemError(error)) return error
  const name = nameOf(error)
  const isFull = name === 'QuotaExceededError'
  const advice = isFull ? 'the quota of this site is used up, delete what is not needed' : describe(error)
  return new SystemError('STORAGE', `Cannot use the IndexedDB database "${database}": ${advice}`, {
    cause: error,
    // A transaction that ends with any other error is undone; this one tells of a fault in what undoes it.
    context: {
      database,
      reason: isFull ? 'full' : 'engine',
      isOutcomeUnknown: name === undefined || name === 'UnknownError',
    },
  })
}
