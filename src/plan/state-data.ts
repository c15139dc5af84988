import { MAX_BYTES } from '../core/plain-data.js'

/**
 * State as it travels between jobs: what JSON makes of a value, in one pass and without the text.
 *
 * Invariants:
 * - D1 what `toStateData` returns is deeply frozen, is a tree, and `JSON.parse(JSON.stringify(it))` equals it;
 * - D2 it either returns or throws a {@link StateFault} with the path; nothing of a value can make it hang or overflow.
 */

/** Deeper state is refused: the run state it travels in may be 200 levels deep altogether. */
export const MAX_STATE_DEPTH = 190

export interface StateDataOptions {
  /** Upper bound on the length of the JSON text. @default 67108864, which is the most there can be */
  readonly maxBytes?: number
  /** Keys that are left out at the top level. */
  readonly omit?: readonly string[]
}

/** Why a value cannot travel. */
export class StateFault extends Error {
  readonly kind: 'data' | 'too-large'
  readonly path: string

  constructor(kind: 'data' | 'too-large', path: string, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.kind = kind
    this.path = path
  }
}

type Fields = Record<string, unknown>

const NOTHING: readonly string[] = []

/**
 * A frozen copy of `value` by the rules of JSON: functions, symbols and `undefined` are left out (`null` in arrays), `toJSON`
 * is asked, `NaN` and infinities are `null`, other objects are what their enumerable fields are. A reference back to an
 * object it stands in becomes `'[Circular]'`. A value that is none at all (`undefined`, a function) is `undefined`.
 *
 * @throws {StateFault} for a bigint, a getter or `toJSON` that throws, the key `__proto__`, and what is too deep or too large.
 */
export function toStateData(value: unknown, options: StateDataOptions = {}): unknown {
  const { omit = NOTHING } = options
  const budget: Budget = { left: Math.min(options.maxBytes ?? MAX_BYTES, MAX_BYTES) }
  try {
    return copyPlain(value, 0, omit, budget)
  } catch {
    // Nothing but plain data is quick. The rest is done over, slowly, with an eye on where it stands.
    return new Walk(options).copy(value)
  }
}

interface Budget {
  left: number
}

/** The quick way, for what nearly all state is: throws at whatever is not plain, or does not fit. */
function copyPlain(value: unknown, depth: number, omit: readonly string[], budget: Budget): unknown {
  switch (typeof value) {
    case 'string':
      budget.left -= value.length + 2
      return value
    case 'number':
      budget.left -= 8
      // JSON knows no negative zero.
      return Number.isFinite(value) ? value + 0 : null
    case 'boolean':
      budget.left -= 4
      return value
    case 'object':
      return value === null ? null : copyPlainObject(value, depth, omit, budget)
    case 'bigint':
      throw NOT_PLAIN
    default:
      return undefined
  }
}

function copyPlainObject(value: object, depth: number, omit: readonly string[], budget: Budget): unknown {
  if (depth >= MAX_STATE_DEPTH || budget.left < 0) throw NOT_PLAIN
  if (Array.isArray(value)) {
    const { length } = value
    budget.left -= length + 2
    if (length > MAX_LENGTH) throw NOT_PLAIN
    const target = new Array<unknown>(length)
    for (let index = 0; index < length; index++) {
      const child = copyPlain(value[index], depth + 1, NOTHING, budget)
      target[index] = child === undefined ? null : child
    }
    return Object.freeze(target)
  }
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) throw NOT_PLAIN
  if (typeof (value as Fields)['toJSON'] === 'function') throw NOT_PLAIN
  const target: Fields = {}
  for (const key of Object.keys(value)) {
    if (key === '__proto__') throw NOT_PLAIN
    if (omit.length > 0 && omit.includes(key)) continue
    const child = copyPlain((value as Fields)[key], depth + 1, NOTHING, budget)
    if (child === undefined) continue
    budget.left -= key.length + 4
    target[key] = child
  }
  if (budget.left < 0) throw NOT_PLAIN
  return Object.freeze(target)
}

const NOT_PLAIN = new Error('Not plain data')

/** More elements than any state has: an array of length 4 294 967 295 takes no room, and for ever to walk. */
const MAX_LENGTH = 10_000_000

/** The way that knows every rule, and where it stands. */
class Walk {
  #left: number
  readonly #omit: readonly string[]
  readonly #ancestors: object[] = []
  readonly #keys: (string | number)[] = []

  constructor({ maxBytes = MAX_BYTES, omit = NOTHING }: StateDataOptions) {
    this.#left = Math.min(maxBytes, MAX_BYTES)
    this.#omit = omit
  }

  copy(value: unknown): unknown {
    try {
      return this.#copy(value)
    } catch (error) {
      if (error instanceof StateFault) throw error
      const path = this.#path()
      throw new StateFault('data', path, `${path} cannot be read: ${messageOf(error)}`, error)
    }
  }

  #copy(value: unknown): unknown {
    switch (typeof value) {
      case 'string':
        this.#spend(value.length + 2)
        return value
      case 'number':
        this.#spend(8)
        return Number.isFinite(value) ? value + 0 : null
      case 'boolean':
        this.#spend(4)
        return value
      case 'object':
        return value === null ? null : this.#copyObject(value)
      case 'bigint':
        throw this.#fault('is a bigint: return a string or a number instead')
      default:
        return undefined
    }
  }

  #copyObject(value: object): unknown {
    const { toJSON } = value as { toJSON?: unknown }
    if (typeof toJSON === 'function') {
      const json: unknown = (toJSON as (key: string) => unknown).call(value, String(this.#keys.at(-1) ?? ''))
      if (typeof json !== 'object' || json === null) return this.#copy(json)
      value = json
    }
    if (this.#ancestors.includes(value)) {
      this.#spend(12)
      return '[Circular]'
    }
    if (value instanceof Number || value instanceof String || value instanceof Boolean) {
      return this.#copy(value.valueOf())
    }
    if (this.#ancestors.length >= MAX_STATE_DEPTH) {
      throw this.#fault(`is nested deeper than ${MAX_STATE_DEPTH} levels`)
    }
    this.#ancestors.push(value)
    const data = Array.isArray(value) ? this.#copyArray(value) : this.#copyFields(value as Fields)
    this.#ancestors.pop()
    return data
  }

  #copyArray(source: readonly unknown[]): readonly unknown[] {
    const at = this.#keys.length
    const { length } = source
    // Each element costs one at least, so an array that is nothing but long is refused before it is walked.
    this.#spend(2 + length)
    if (length > MAX_LENGTH) throw this.#fault(`has more than ${MAX_LENGTH} elements`, 'too-large')
    const target = new Array<unknown>(length)
    for (let index = 0; index < length; index++) {
      this.#keys[at] = index
      const child = this.#copy(source[index])
      target[index] = child === undefined ? null : child
    }
    this.#keys.length = at
    return Object.freeze(target)
  }

  #copyFields(source: Fields): Readonly<Fields> {
    const at = this.#keys.length
    const isTop = this.#ancestors.length === 1
    const target: Fields = {}
    this.#spend(2)
    for (const key of Object.keys(source)) {
      if (isTop && this.#omit.includes(key)) continue
      this.#keys[at] = key
      if (key === '__proto__') throw this.#fault('is a reserved key: name it otherwise')
      const child = this.#copy(source[key])
      if (child === undefined) continue
      this.#spend(key.length + 4)
      target[key] = child
    }
    this.#keys.length = at
    return Object.freeze(target)
  }

  #spend(bytes: number): void {
    this.#left -= bytes
    if (this.#left < 0) throw this.#fault('makes the state too large', 'too-large')
  }

  #fault(what: string, kind: 'data' | 'too-large' = 'data'): StateFault {
    const path = this.#path()
    return new StateFault(kind, path, `${path} ${what}`)
  }

  #path(): string {
    const keys = this.#keys.length > 12 ? [...this.#keys.slice(0, 12), '…'] : this.#keys
    return ['state', ...keys.map(String)].join('.')
  }
}

function messageOf(error: unknown): string {
  try {
    return error instanceof Error ? error.message : String(error)
  } catch {
    return 'reading it threw'
  }
}

/** A copy of state data that may be changed. */
export function thaw(data: unknown): unknown {
  if (typeof data !== 'object' || data === null) return data
  if (Array.isArray(data)) {
    const { length } = data
    const target = new Array<unknown>(length)
    for (let index = 0; index < length; index++) target[index] = thaw(data[index])
    return target
  }
  const target: Fields = {}
  for (const key of Object.keys(data)) target[key] = thaw((data as Fields)[key])
  return target
}
