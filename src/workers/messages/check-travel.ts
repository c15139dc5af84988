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
    const fault = find(value, 0)
    if (fault) throw refuse([path, ...fault.keys.reverse()].join('.'), fault.what)
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
  for (const one of moved) {
    if (one instanceof ArrayBuffer && isDetached(one)) checkTravels(value, path)
  }
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

/** What cannot travel, and the keys that lead to it, the innermost first: no path is put together where there is none. */
interface Fault {
  readonly what: string
  readonly keys: (string | number)[]
}

function find(value: unknown, depth: number): Fault | undefined {
  if (typeof value === 'function' || typeof value === 'symbol') return { what: `a ${typeof value}`, keys: [] }
  if (typeof value !== 'object' || value === null) return undefined
  if (depth >= MAX_DEPTH)
    return { what: `nested deeper than ${MAX_DEPTH} levels, or refers to itself`, keys: [] }
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) {
      const fault = find(value[index], depth + 1)
      if (fault) return within(index, fault)
    }
    return undefined
  }
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) {
    return isDetached(value)
      ? { what: 'a buffer that was moved to another thread before', keys: [] }
      : undefined
  }
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return undefined
  const fields = value as Readonly<Record<string, unknown>>
  for (const key in fields) {
    const field = fields[key]
    // Most are text and numbers: nothing is called for them.
    if (typeof field === 'object' || typeof field === 'function' || typeof field === 'symbol') {
      const fault = find(field, depth + 1)
      if (fault) return within(key, fault)
    }
  }
  return undefined
}

function within(key: string | number, fault: Fault): Fault {
  fault.keys.push(key)
  return fault
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
