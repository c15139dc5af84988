import { isFields } from '../../core/is-fields.js'
import { SystemError } from '../../core/system-error.js'

/**
 * A message that was made by hand, as it travels.
 *
 * @throws {SystemError} `VALIDATION` for what is no object, or cannot be JSON.
 */
export function toText(message: unknown): string {
  if (!isFields(message)) {
    throw new SystemError('VALIDATION', 'A message must be an object with a "type"')
  }
  try {
    return JSON.stringify(message)
  } catch (cause) {
    throw new SystemError('VALIDATION', `A message must be JSON: ${String(cause)}`, { cause })
  }
}
