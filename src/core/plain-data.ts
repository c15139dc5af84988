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

/** One walk. The path of where it is gets written only when something is wrong there. */
interface Walk {
  left: number
  /** The path of the value as a whole. */
  readonly base: string
  /** By depth, the key that was entered. What is deeper than the walk is left from before. */
  readonly keys: (string | number)[]
  depth: number
}

/**
 * A deeply frozen copy of `value` that shares nothing with it that could still change. What is frozen already is
 * checked and shared, not copied.
 *
 * @throws {SystemError} `VALIDATION` naming the first path that is not plain data, `CAPACITY` beyond {@link MAX_BYTES}.
 */
export function freezePlainData<T>(value: T, path = ''): T {
  const walk: Walk = { left: MAX_BYTES, base: path, keys: [], depth: 0 }
  try {
    return copy(value, walk) as T
  } catch (error) {
    if (error instanceof SystemError) throw error
    throw new SystemError('VALIDATION', `Cannot read the value at "${path}": reading it threw`, {
      cause: error,
      context: { path },
    })
  }
}

function copy(value: unknown, walk: Walk): unknown {
  switch (typeof value) {
    case 'string':
      spend(walk, value.length * 2)
      return value
    case 'number':
    case 'boolean':
    case 'undefined':
      spend(walk, 8)
      return value
    case 'object':
      break
    default:
      throw notPlain(walk, `a ${typeof value}`)
  }
  if (value === null) return value
  if (walk.depth >= MAX_DEPTH) {
    throw notPlain(walk, `nested deeper than ${MAX_DEPTH} levels, or refers to itself`)
  }
  spend(walk, 8)
  if (Array.isArray(value)) return copyArray(value, walk)
  if (isPlainObject(value)) return copyObject(value, walk)
  return copyOpaque(value, walk)
}

/** Whether an object is made of its fields alone: no array, and no instance of a class. */
export function isPlainObject(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

function copyArray(source: readonly unknown[], walk: Walk): unknown {
  const shares = Object.isFrozen(source)
  const target: unknown[] = shares ? (source as unknown[]) : new Array<unknown>(source.length)
  const at = walk.depth++
  for (let index = 0; index < source.length; index++) {
    walk.keys[at] = index
    const child = copy(source[index], walk)
    if (!shares) target[index] = child
    else if (child !== source[index] && !Number.isNaN(child)) {
      walk.depth = at
      return copyArray([...source], walk)
    }
  }
  walk.depth = at
  return shares ? target : Object.freeze(target)
}

function copyObject(source: object, walk: Walk): unknown {
  const from = source as Record<string, unknown>
  const shares = Object.isFrozen(source)
  const target: Record<string, unknown> = shares ? from : {}
  const at = walk.depth++
  for (const key of Object.keys(from)) {
    walk.keys[at] = key
    if (key === '__proto__') throw notPlain(walk, 'a reserved key')
    spend(walk, 8)
    const child = copy(from[key], walk)
    if (!shares) target[key] = child
    else if (child !== from[key] && !Number.isNaN(child)) {
      walk.depth = at
      return copyObject({ ...from }, walk)
    }
  }
  walk.depth = at
  return shares ? target : Object.freeze(target)
}

/** Values that structured clone knows and that have no inside to walk. */
function copyOpaque(value: object, walk: Walk): unknown {
  if (value instanceof Date) return new Date(value)
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) {
    spend(walk, value.byteLength)
    return structuredClone(value)
  }
  const tag = Object.prototype.toString.call(value).slice(8, -1)
  if (tag === 'Blob' || tag === 'File') return value
  throw notPlain(walk, tag === 'Object' ? 'an instance of a class' : `a ${tag}`)
}

function spend(walk: Walk, bytes: number): void {
  walk.left -= bytes
  if (walk.left < 0) {
    throw new SystemError(
      'CAPACITY',
      `Cannot keep a value of more than ${MAX_BYTES} bytes: keep a reference to it`,
      { context: { path: pathOf(walk), maxBytes: MAX_BYTES } },
    )
  }
}

function notPlain(walk: Walk, what: string): SystemError {
  const path = pathOf(walk)
  const where = path === '' ? 'The value' : `The value at "${path}"`
  return new SystemError('VALIDATION', `${where} is ${what}: keep plain data, as JSON can hold`, {
    context: { path },
  })
}

function pathOf({ base, keys, depth }: Walk): string {
  const entered = keys.slice(0, depth).join('.')
  return base === '' || depth === 0 ? base + entered : `${base}.${entered}`
}
