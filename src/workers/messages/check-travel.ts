import { MAX_DEPTH } from '../../core/plain-data.js'
import { SystemError, isSystemError } from '../../core/system-error.js'
import { transferListOf } from './transfer.js'
import { uncloneable } from '../runner/runner-errors.js'

/**
 * Looks for what cannot reach another thread and would be told late, without its place, or not at all: functions,
 * symbols, values nested too deeply, and buffers that have moved away already, which would arrive empty.
 *
 * @throws {SystemError} `VALIDATION` that names the path.
 */
export function checkTravels(value: unknown, path: string): void {
  if (typeof value === 'object' ? value !== null : typeof value === 'function' || typeof value === 'symbol') {
    check(value, path, 0)
  }
}

/**
 * What moves along with a value, once it is sure that nothing of it has moved before: that would arrive empty, and nobody
 * would be told.
 *
 * @throws {SystemError} as {@link checkTravels} does.
 */
export function takeAlong(value: unknown, path: string): readonly Transferable[] {
  const moved = transferListOf(value)
  if (moved.length > 0) checkTravels(value, path)
  return moved
}

/** Why a value could not be sent: with the path that is to blame, where it can be found. */
export function explainTravel(value: unknown, path: string, cause: unknown): SystemError {
  try {
    checkTravels(value, path)
  } catch (error) {
    if (isSystemError(error)) return error
  }
  return uncloneable(`the ${path} of a task`, cause)
}

function check(value: unknown, path: string, depth: number): void {
  if (typeof value === 'function' || typeof value === 'symbol') throw refuse(path, `a ${typeof value}`)
  if (typeof value !== 'object' || value === null) return
  if (depth >= MAX_DEPTH) throw refuse(path, `nested deeper than ${MAX_DEPTH} levels, or refers to itself`)
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) check(value[index], `${path}.${index}`, depth + 1)
    return
  }
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) {
    if (isDetached(value)) throw refuse(path, 'a buffer that was moved to another thread before')
    return
  }
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return
  const fields = value as Readonly<Record<string, unknown>>
  for (const key in fields) {
    const field = fields[key]
    // Most are text and numbers: no path is put together for them.
    if (typeof field === 'object' || typeof field === 'function' || typeof field === 'symbol') {
      check(field, `${path}.${key}`, depth + 1)
    }
  }
}

/** Only Node from 21 on and new browsers say so; elsewhere nothing can be made on top of such a buffer. */
function isDetached(value: ArrayBuffer | ArrayBufferView): boolean {
  if (value.byteLength > 0) return false
  const buffer = ArrayBuffer.isView(value) ? value.buffer : value
  if (!(buffer instanceof ArrayBuffer)) return false
  try {
    new Uint8Array(buffer)
    return false
  } catch {
    return true
  }
}

function refuse(path: string, what: string): SystemError {
  return new SystemError(
    'VALIDATION',
    `The value at "${path}" is ${what}: it cannot travel to another thread`,
    {
      context: { path },
    },
  )
}
