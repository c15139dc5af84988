import { MAX_BYTES, MAX_DEPTH, isPlainObject } from '../core/plain-data.js'
import { SystemError } from '../core/system-error.js'

/**
 * The JSON text of a value that JSON can hold without loss: `null`, booleans, finite numbers, strings, arrays and plain
 * objects of these. A field that is `undefined` is left out, and `-0` becomes `0`; everything else is refused.
 *
 * @throws {SystemError} `VALIDATION` naming the path, `CAPACITY` when the text is too long.
 */
export function encodeJson(value: unknown): string {
  let json: string
  try {
    const fault = findFault(value, 0)
    if (fault) throw notJson(fault)
    json = JSON.stringify(value)
  } catch (error) {
    if (error instanceof SystemError) throw error
    throw new SystemError('VALIDATION', 'The value cannot be read: reading it threw', {
      cause: error,
      context: { path: '' },
    })
  }
  if (json.length <= MAX_BYTES) return json
  throw new SystemError(
    'CAPACITY',
    `A value of more than ${MAX_BYTES} characters of JSON: keep a reference to it`,
    {
      context: { path: '', maxBytes: MAX_BYTES },
    },
  )
}

/** What JSON cannot hold, and the keys that lead there. */
interface Fault {
  readonly what: string
  readonly path: (string | number)[]
}

function findFault(value: unknown, depth: number): Fault | undefined {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return undefined
    case 'number':
      return Number.isFinite(value) ? undefined : { what: `${value}`, path: [] }
    case 'object':
      break
    default:
      return { what: value === undefined ? 'undefined' : `a ${typeof value}`, path: [] }
  }
  if (value === null) return undefined
  if (depth >= MAX_DEPTH) {
    return { what: `nested deeper than ${MAX_DEPTH} levels, or refers to itself`, path: [] }
  }
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) {
      const fault = findFault(value[index], depth + 1)
      if (fault) return inside(index, fault)
    }
    return undefined
  }
  if (!isPlainObject(value)) {
    const tag = Object.prototype.toString.call(value).slice(8, -1)
    return { what: tag === 'Object' ? 'an instance of a class' : `a ${tag}`, path: [] }
  }
  for (const key of Object.keys(value)) {
    if (key === '__proto__' || key === 'constructor') return { what: 'a reserved key', path: [key] }
    const child = (value as Record<string, unknown>)[key]
    const fault = child === undefined ? undefined : findFault(child, depth + 1)
    if (fault) return inside(key, fault)
  }
  return undefined
}

/** The path is put together on the way back, so that what is sound pays nothing for it. */
function inside(key: string | number, fault: Fault): Fault {
  fault.path.unshift(key)
  return fault
}

function notJson({ what, path: keys }: Fault): SystemError {
  const path = keys.join('.')
  const where = path === '' ? 'The value' : `The value at "${path}"`
  return new SystemError('VALIDATION', `${where} is ${what}: keep what JSON can hold`, { context: { path } })
}
