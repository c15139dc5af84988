import { MAX_DEPTH } from '../../core/plain-data.js'
import { type Parsed, refuse } from './protocol-fault.js'

/** One message as it stands on the wire. */
export interface WireMessage {
  readonly type: string
  readonly [field: string]: unknown
}

/** A message; or why it is refused and, where that could be read, what it is `about`: its `type` and its `requestId`. */
export type ReadFrame = Parsed<WireMessage> & { readonly about?: WireMessage }

/** A value that is as deep as plain data may be, and the message around it. */
const MAX_FRAME_DEPTH = MAX_DEPTH + 4

/**
 * The message in a text frame. What it returns is safe to walk: not nested deeper than {@link MAX_FRAME_DEPTH}, and
 * without the key `__proto__` anywhere. Never throws.
 */
export function readFrame(text: string): ReadFrame {
  if (isDeeperThan(text, MAX_FRAME_DEPTH)) {
    return refuse('TOO_DEEP', `A message must not be nested deeper than ${MAX_FRAME_DEPTH} levels`)
  }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return refuse('NOT_JSON', 'A message must be JSON')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return refuse('NO_TYPE', 'A message must be an object')
  }
  if (typeof (value as { type?: unknown }).type !== 'string') {
    return refuse('NO_TYPE', '"type" must be a string', 'type')
  }
  if (mayBeReserved(text)) {
    const path = findReservedKey(value, '')
    if (path !== undefined) {
      const { type, requestId } = value as WireMessage
      return {
        ...refuse('INVALID_MESSAGE', `"${path}" has a reserved name`, path),
        about: { type, requestId },
      }
    }
  }
  return { ok: true, message: value as WireMessage }
}

const [QUOTE, BACKSLASH, OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [
  0x22, 0x5c, 0x5b, 0x5d, 0x7b, 0x7d,
]

/** Whether the other side would read JSON as a part of a message: it is not too deep, and the reserved key is nowhere in it. */
export function canTravel(json: string): boolean {
  if (isDeeperThan(json, MAX_DEPTH)) return false
  return !mayBeReserved(json) || findReservedKey(JSON.parse(json), '') === undefined
}

/** The key can stand there in escapes only if there are any; without either there is nothing to look for. */
function mayBeReserved(text: string): boolean {
  return text.includes('__proto__') || text.includes('\\u')
}

/** Counts brackets outside of strings: before parsing, so that nothing that deep is ever built. */
function isDeeperThan(text: string, limit: number): boolean {
  if (text.length <= 2 * limit) return false
  const lists = countUpTo(text, '[', limit)
  // A list takes two characters, an object five: `{"":}`.
  if (lists + (text.length - 2 * lists) / 5 <= limit) return false
  if (lists + countUpTo(text, '{', limit) <= limit) return false
  let depth = 0
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (code === QUOTE) {
      index = endOfString(text, index)
    } else if (code === OPEN_LIST || code === OPEN_OBJECT) {
      if (++depth > limit) return true
    } else if (code === CLOSE_LIST || code === CLOSE_OBJECT) {
      depth--
    }
  }
  return false
}

/** How often a character stands there, or one more than `limit`: jumping from one to the next is far faster than looking at each. */
function countUpTo(text: string, character: string, limit: number): number {
  let count = 0
  for (let at = text.indexOf(character); at >= 0 && count <= limit; at = text.indexOf(character, at + 1))
    count++
  return count
}

/** The index of the quote that ends the string which begins at `start`. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let slashes = 0
    while (text.charCodeAt(end - 1 - slashes) === BACKSLASH) slashes++
    if (slashes % 2 === 0) return end
  }
  return text.length
}

/** The path of the first key `__proto__` in something that is no deeper than a message may be. */
export function findReservedKey(value: unknown, path: string): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  for (const [key, child] of Object.entries(value)) {
    const childPath = path === '' ? key : `${path}.${key}`
    if (key === '__proto__') return childPath
    const found = findReservedKey(child, childPath)
    if (found !== undefined) return found
  }
  return undefined
}
