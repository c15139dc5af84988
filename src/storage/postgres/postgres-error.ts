import { describe, isSystemError, SystemError } from '../../core/system-error.js'

/** The fault that the server or the driver gave: Drizzle wraps it, with the query and all its values in the message. */
export function rootOf(error: unknown): unknown {
  const { cause, query } = (error ?? {}) as { cause?: unknown; query?: unknown }
  return cause !== undefined && query !== undefined ? cause : error
}

/** The SQLSTATE of an error that the server answered with; `undefined` for one of the connection. */
export function sqlState(error: unknown): string | undefined {
  const { code } = (rootOf(error) ?? {}) as { code?: unknown }
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && /\d/.test(code) ? code : undefined
}

/** The transaction lost against one that ran at the same time: nothing was written, and trying again may work. */
export function isSerializationFailure(error: unknown): boolean {
  const state = sqlState(error)
  return state === '40001' || state === '40P01'
}

/** The `STORAGE` error for whatever a query failed with. */
export function postgresError(error: unknown, wasCommitting: boolean): SystemError {
  if (isSystemError(error)) return error
  const state = sqlState(error)
  const [reason, advice] = explain(error, state)
  return new SystemError('STORAGE', `Cannot use the PostgreSQL database: ${advice}`, {
    cause: rootOf(error),
    // An answer from the server to COMMIT is an answer; silence is not. Class 57 is the server going away.
    context: {
      reason,
      ...(state === undefined ? {} : { sqlState: state }),
      isOutcomeUnknown:
        wasCommitting && (state === undefined || state.startsWith('57') || state.startsWith('08')),
    },
  })
}

function explain(error: unknown, state: string | undefined): readonly [reason: string, advice: string] {
  if (state === undefined || state.startsWith('08') || state.startsWith('57')) {
    return ['unreachable', `the connection failed (${describe(rootOf(error))}), check that the server runs`]
  }
  if (state.startsWith('53')) return ['full', 'the server is out of space, memory or connections']
  if (state === '25006') return ['read-only', 'connect to the primary, this server only reads']
  if (state.startsWith('XX')) return ['damaged', 'the server reports damaged data, restore it from a backup']
  if (state.startsWith('40')) return ['busy', 'too many transactions of other processes were in the way']
  return ['engine', describe(rootOf(error))]
}
