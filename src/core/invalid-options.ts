import { type Issue, SystemError } from './system-error.js'

/** The error for options that are wrong: all of them are told at once, each by its path. */
export function invalidOptions(what: string, issues: readonly Issue[]): SystemError {
  const told = issues.map(({ path, message }) => `"${path}" ${message}`).join('; ')
  return new SystemError('VALIDATION', `Cannot ${what}: ${told}`, { context: { issues } })
}
