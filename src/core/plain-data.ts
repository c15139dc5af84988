import { SystemError } from './system-error.js'

/**
 * Plain data is what state, signals and patches are made of: `null`, `undefined`, booleans, numbers, strings, arrays
 * and plain objects of these, at most {@link MAX_DEPTH} deep; also `Date`, `ArrayBuffer`, typed arrays and `Blob`,
 * which SQL stores refuse when they are committed. Functions, symbols, bigints, `Map`, `Set`, class instances and
 * cycles are not, nor is the key `__proto__`.
 */
export const MAX_DEPTH = 200

/** Upper bound on one value, counted as 8 per scalar and key, plus 2 per character of a string. */
export const MAX_BYTES = 64 * 1024 * 1024

interface Budget {
  left: number
}

/**
 * A deeply frozen copy of `value` that shares nothing with it that could still change. What is frozen already is
 * checked and shared, not copied.
 *
 * @throws {SystemError} `VALIDATION` naming the first path that is not plain data, `CAPACITY` beyond {@link MAX_BYTES}.
 */
export function freezePlainData<T>(value: T, path = ''): T {
  try {
    return copy(value, path, 0, { left: MAX_BYTES }) as T
  } catch (error) {
    if (error instanceof SystemError) throw error
    throw new SystemError('VALIDATION', `Cannot read the value at "${path}": reading it threw`, {
      cause: error,
      context: { path },
    })
  }
}

function copy(value: unknown, path: string, depth: number, budget: Budget): unknown {
  switch (typeof value) {
    case 'string':
      spend(budget, value.length * 2, path)
      return value
    case 'number':
    case 'boolean':
    case 'undefined':
      spend(budget, 8, path)
      return value
    case 'object':
      break
    default:
      throw notPlain(path, `a ${typeof value}`)
  }
  if (value === null) return value
  if (depth >= MAX_DEPTH) throw notPlain(path, `nested deeper than ${MAX_DEPTH} levels, or refers to itself`)
  spend(budget, 8, path)
  if (Array.isArray(value)) return copyArray(value, path, depth, budget)
  if (isPlainObject(value)) return copyObject(value, path, depth, budget)
  return copyOpaque(value, path, budget)
}

/** Whether an object is made of its fields alone: no array, and no instance of a class. */
export function isPlainObject(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

function copyArray(source: readonly unknown[], path: string, depth: number, budget: Budget): unknown {
  const shares = Object.isFrozen(source)
  const target: unknown[] = shares ? (source as unknown[]) : new Array<unknown>(source.length)
  for (let index = 0; index < source.length; index++) {
    const child = copy(source[index], `${path}.${index}`, depth + 1, budget)
    if (!shares) target[index] = child
    else if (child !== source[index] && !Number.isNaN(child))
      return copyArray([...source], path, depth, budget)
  }
  return shares ? target : Object.freeze(target)
}

function copyObject(source: object, path: string, depth: number, budget: Budget): unknown {
  const from = source as Record<string, unknown>
  const shares = Object.isFrozen(source)
  const target: Record<string, unknown> = shares ? from : {}
  for (const key of Object.keys(from)) {
    const childPath = path === '' ? key : `${path}.${key}`
    if (key === '__proto__') throw notPlain(childPath, 'a reserved key')
    spend(budget, 8, childPath)
    const child = copy(from[key], childPath, depth + 1, budget)
    if (!shares) target[key] = child
    else if (child !== from[key] && !Number.isNaN(child)) return copyObject({ ...from }, path, depth, budget)
  }
  return shares ? target : Object.freeze(target)
}

/** Values that structured clone knows and that have no inside to walk. */
function copyOpaque(value: object, path: string, budget: Budget): unknown {
  if (value instanceof Date) return new Date(value)
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) {
    spend(budget, value.byteLength, path)
    return structuredClone(value)
  }
  const tag = Object.prototype.toString.call(value).slice(8, -1)
  if (tag === 'Blob' || tag === 'File') return value
  throw notPlain(path, tag === 'Object' ? 'an instance of a class' : `a ${tag}`)
}

function spend(budget: Budget, bytes: number, path: string): void {
  budget.left -= bytes
  if (budget.left < 0) {
    throw new SystemError(
      'CAPACITY',
      `Cannot keep a value of more than ${MAX_BYTES} bytes: keep a reference to it`,
      {
        context: { path, maxBytes: MAX_BYTES },
      },
    )
  }
}

function notPlain(path: string, what: string): SystemError {
  const where = path === '' ? 'The value' : `The value at "${path}"`
  return new SystemError('VALIDATION', `${where} is ${what}: keep plain data, as JSON can hold`, {
    context: { path },
  })
}
