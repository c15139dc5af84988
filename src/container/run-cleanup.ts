import type { Clock } from '../core/clock.js'
import { SystemError, describe } from '../core/system-error.js'

/**
 * Calls one clean-up function and waits for it, for at most `timeoutMs`. Never rejects: resolves to what went wrong,
 * or to `undefined`.
 */
export function runCleanup(
  cleanup: () => unknown,
  label: string,
  clock: Clock,
  timeoutMs: number,
): Promise<SystemError | undefined> {
  return new Promise((resolve) => {
    const timer = clock.setTimeout(() => {
      const message = `Clean-up of service "${label}" did not end within ${timeoutMs} ms: it is left to itself`
      resolve(new SystemError('TIMEOUT', message, { context: { service: label } }))
    }, timeoutMs)
    const settle = (error?: SystemError): void => {
      clock.clearTimeout(timer)
      resolve(error)
    }
    // The executor's own try: what a synchronous clean-up throws is handled like a rejection.
    Promise.resolve()
      .then(cleanup)
      .then(
        () => settle(),
        (cause: unknown) => {
          const message = `Clean-up of service "${label}" failed: ${describe(cause)}`
          settle(new SystemError('EXECUTION_FAILED', message, { cause, context: { service: label } }))
        },
      )
  })
}
