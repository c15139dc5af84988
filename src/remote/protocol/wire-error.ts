import { type SerializedError, isSystemError, serializeError } from '../../core/system-error.js'
import { canTravel } from './read-frame.js'

/** How much is left of a text that is too long, characters: an escape in JSON takes six. */
const PART = 1 / 48

/**
 * An error as it travels: all of it; or, where that is longer than allowed or the other side would not read it, what it is
 * called, the beginning of what it says, and whether there is a point in trying again.
 *
 * @param maxLength Of its JSON, characters.
 */
export function wireError(thrown: unknown, maxLength: number): SerializedError {
  const error = serializeError(thrown)
  const json = JSON.stringify(error)
  if (json.length <= maxLength && canTravel(json)) return error
  const most = Math.max(16, Math.min(1000, Math.floor(maxLength * PART)))
  const { name, code, message } = error
  const isFinal = isSystemError(thrown) && thrown.context['retryable'] === false
  return {
    name: name.slice(0, most),
    message: message.slice(0, most),
    ...(code === undefined ? {} : { code: code.slice(0, most) }),
    ...(isFinal ? { context: { retryable: false } } : {}),
  }
}
