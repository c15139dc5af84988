import type { Clock } from '../../core/clock.js'
import { SystemError, isSystemError } from '../../core/system-error.js'
import type { StorageDriver, StorageOperation } from '../../storage/storage-driver.js'

export interface PatientCommitOptions {
  readonly driver: StorageDriver
  readonly clock: Clock
  /** Why trying must end, if it must: the runtime was stopped. */
  readonly given: () => SystemError | undefined
  /** Told of the first failure of each commit, and of every tenth. */
  readonly onFailure: (error: SystemError, attempt: number) => void
}

const FIRST_DELAY_MS = 100
const LONGEST_DELAY_MS = 10_000

/**
 * Commits, and goes on trying as long as the store fails: a run waits for its disk rather than failing with it.
 * Rejects at once with what trying again would not change (`CONFLICT`, `VALIDATION`, `CAPACITY` of a value).
 *
 * @param isApplied Reads back whether a commit whose outcome is not known was applied after all.
 */
export async function commitPatiently(
  operations: readonly StorageOperation[],
  isApplied: () => Promise<boolean>,
  { driver, clock, given, onFailure }: PatientCommitOptions,
): Promise<void> {
  let mayBeApplied = false
  for (let attempt = 1; ; attempt++) {
    try {
      if (mayBeApplied && (await isApplied())) return
      await driver.commit(operations)
      return
    } catch (error) {
      const fault = isSystemError(error)
        ? error
        : new SystemError('STORAGE', 'The store failed', {
            cause: error,
            context: { isOutcomeUnknown: true },
          })
      // After a commit that may have been applied, a condition can fail because of that very commit.
      if (fault.code === 'CONFLICT' && mayBeApplied && (await isApplied())) return
      if (fault.code !== 'STORAGE' && !isCrowded(fault)) throw fault
      mayBeApplied ||= fault.context['isOutcomeUnknown'] === true
      if (attempt % 10 === 1) onFailure(fault, attempt)
      const reason = given()
      if (reason) throw reason
      await delay(clock, Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** (attempt - 1)))
      const late = given()
      if (late) throw late
    }
  }
}

/** Too many commits at once; a value that is too large names its key. */
function isCrowded({ code, context }: SystemError): boolean {
  return code === 'CAPACITY' && context['key'] === undefined
}

function delay(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => void clock.setTimeout(resolve, ms))
}
