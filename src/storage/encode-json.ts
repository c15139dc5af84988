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
    check(value, '', 0)
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

function check(value: unknown, path: string, depth: number): void {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return
    case 'number':
      if (Number.isFinite(value)) return
      throw notJson(path, `${value}`)
    case 'object':
      break
    default:
      throw notJson(path, value === undefined ? 'undefined' : `a ${typeof value}`)
  }
  if (value === null) return
  if (depth >= MAX_DEPTH) throw notJson(path, `nested deeper than ${MAX_DEPTH} levels, or refers to itself`)
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) {
      check(value[index], path === '' ? `${index}` : `${path}.${index}`, depth + 1)
    }
    return
  }
  if (!isPlainObject(value)) {
    const tag = Object.prototype.toString.call(value).slice(8, -1)
    throw notJson(path, tag === 'Object' ? 'an instance of a class' : `a ${tag}`)
  }
  for (const key of Object.keys(value)) {
    const child = (value as Record<string, unknown>)[key]
    const childPath = path === '' ? key : `${path}.${key}`
    if (key === '__proto__' || key === 'constructor') throw notJson(childPath, 'a reserved key')
    if (child !== undefined) check(child, childPath, depth + 1)
  }
}

function notJson(path: string, what: string): SystemError {
  const where = path === '' ? 'The value' : `The value at "${path}"`
  return new SystemError('VALIDATION', `${where} is ${what}: keep what JSON can hold`, { context: { path } })
}
