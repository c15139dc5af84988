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
  /** Upper bound on the length of the JSON text. @default Infinity */
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

interface Walk {
  left: number
  readonly omit: readonly string[]
  readonly ancestors: object[]
  readonly keys: (string | number)[]
}

const NOTHING_OMITTED: readonly string[] = []

/**
 * A frozen copy of `value` by the rules of JSON: functions, symbols and `undefined` are left out (`null` in arrays), `toJSON`
 * is asked, `NaN` and infinities are `null`, other objects are what their enumerable fields are. A reference back to an
 * object it stands in becomes `'[Circular]'`. A value that is none at all (`undefined`, a function) is `undefined`.
 *
 * @throws {StateFault} for a bigint, a getter or `toJSON` that throws, the key `__proto__`, and what is too deep or too large.
 */
export function toStateData(
  value: unknown,
  { maxBytes = Infinity, omit = NOTHING_OMITTED }: StateDataOptions = {},
): unknown {
  const walk: Walk = { left: maxBytes, omit, ancestors: [], keys: [] }
  try {
    return copy(value, walk)
  } catch (error) {
    if (error instanceof StateFault) throw error
    const path = pathOf(walk)
    throw new StateFault('data', path, `${path} cannot be read: ${messageOf(error)}`, error)
  }
}

function copy(value: unknown, walk: Walk): unknown {
  switch (typeof value) {
    case 'string':
      spend(walk, value.length + 2)
      return value
    case 'number':
      spend(walk, 8)
      // JSON knows no negative zero.
      return Number.isFinite(value) ? value + 0 : null
    case 'boolean':
      spend(walk, 4)
      return value
    case 'object':
      return value === null ? null : copyObject(value, walk)
    case 'bigint':
      throw new StateFault(
        'data',
        pathOf(walk),
        `${pathOf(walk)} is a bigint: return a string or a number instead`,
      )
    default:
      return undefined
  }
}

function copyObject(value: object, walk: Walk): unknown {
  const { toJSON } = value as { toJSON?: unknown }
  if (typeof toJSON === 'function') {
    const json: unknown = (toJSON as (key: string) => unknown).call(value, String(walk.keys.at(-1) ?? ''))
    if (typeof json !== 'object' || json === null) return copy(json, walk)
    value = json
  }
  const { ancestors } = walk
  const depth = ancestors.length
  if (depth > 0 && ancestors.includes(value)) {
    spend(walk, 12)
    return '[Circular]'
  }
  if (depth >= MAX_STATE_DEPTH) {
    const path = `${walk.keys.slice(0, 3).map(String).join('.')}…`
    throw new StateFault('data', path, `state.${path} is nested deeper than ${MAX_STATE_DEPTH} levels`)
  }
  if (value instanceof Number || value instanceof String || value instanceof Boolean) {
    return copy(value.valueOf(), walk)
  }
  ancestors.push(value)
  const data = Array.isArray(value) ? copyArray(value, walk) : copyFields(value as Fields, walk)
  ancestors.pop()
  return data
}

type Fields = Record<string, unknown>

function copyArray(source: readonly unknown[], walk: Walk): readonly unknown[] {
  const { keys } = walk
  const at = keys.length
  // Each element costs two at least, so an array that is nothing but long is refused before it is walked.
  const { length } = source
  spend(walk, 2 + length)
  if (length > MAX_LENGTH) {
    throw new StateFault('too-large', pathOf(walk), `${pathOf(walk)} has more than ${MAX_LENGTH} elements`)
  }
  const target = new Array<unknown>(length)
  for (let index = 0; index < length; index++) {
    keys[at] = index
    const child = copy(source[index], walk)
    target[index] = child === undefined ? null : child
  }
  keys.length = at
  return Object.freeze(target)
}

/** More elements than any state has: an array of length 4 294 967 295 takes no room, and for ever to walk. */
const MAX_LENGTH = 10_000_000

function copyFields(source: Fields, walk: Walk): Readonly<Fields> {
  const { keys, ancestors, omit } = walk
  const at = keys.length
  const target: Fields = {}
  spend(walk, 2)
  for (const key of Object.keys(source)) {
    if (ancestors.length === 1 && omit.includes(key)) continue
    keys[at] = key
    if (key === '__proto__') {
      throw new StateFault('data', pathOf(walk), `${pathOf(walk)} is a reserved key: name it otherwise`)
    }
    const child = copy(source[key], walk)
    if (child === undefined) continue
    spend(walk, key.length + 4)
    target[key] = child
  }
  keys.length = at
  return Object.freeze(target)
}

function spend(walk: Walk, bytes: number): void {
  walk.left -= bytes
  if (walk.left < 0) throw new StateFault('too-large', pathOf(walk), 'State is too large')
}

function pathOf({ keys }: Walk): string {
  return ['state', ...keys.map(String)].join('.')
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
