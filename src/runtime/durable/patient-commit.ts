import { SystemError, isSystemError } from '../../core/system-error.js'
import type { StorageDriver, StorageOperation } from '../../storage/storage-driver.js'
import type { Patience } from './patience.js'

export interface PatientCommitOptions {
  readonly driver: StorageDriver
  readonly patience: Patience
  /** Told of the first failure of each commit, and of every tenth, and what it was to store. */
  readonly onFailure: (error: SystemError, what: string) => void
}

const FIRST_DELAY_MS = 100
const LONGEST_DELAY_MS = 10_000

/**
 * Commits, and goes on trying as long as the store fails: a run waits for its disk rather than failing with it.
 * Rejects at once with what trying again would not change (`CONFLICT`, `VALIDATION`, `CAPACITY` of a value), and with the
 * reason of whoever left meanwhile.
 *
 * @param isApplied Reads back whether a commit whose outcome is not known was applied after all.
 * @param what What it stores, for whoever is told that it fails.
 */
export async function commitPatiently(
  operations: readonly StorageOperation[],
  isApplied: () => Promise<boolean>,
  { driver, patience, onFailure }: PatientCommitOptions,
  what: string,
): Promise<void> {
  let mayBeApplied = false
  let conflict: SystemError | undefined
  for (let attempt = 1; ; attempt++) {
    try {
      if (mayBeApplied && (await patience.bound(isApplied()))) return
      if (conflict) throw conflict
      await patience.bound(driver.commit(operations))
      return
    } catch (error) {
      if (error === patience.reason || error === conflict) throw error
      const fault = isSystemError(error)
        ? error
        : new SystemError('STORAGE', 'The store failed', {
            cause: error,
            context: { isOutcomeUnknown: true },
          })
      if (fault.code === 'CONFLICT' && mayBeApplied) {
        // A condition can fail because of that very commit, applied late.
        conflict = fault
        continue
      }
      if (fault.code !== 'STORAGE' && !isCrowded(fault)) throw fault
      mayBeApplied ||= fault.context['isOutcomeUnknown'] === true
      if (attempt % 10 === 1) onFailure(fault, what)
      if (patience.reason) throw patience.reason
      await patience.pause(Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** (attempt - 1)))
    }
  }
}

/** Too many commits at once; a value that is too large names its key. */
function isCrowded({ code, context }: SystemError): boolean {
  return code === 'CAPACITY' && context['key'] === undefined
}
