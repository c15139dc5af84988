import { Immer, type Patch, enablePatches, isDraft } from 'immer'
import { isThenable } from '../core/is-thenable.js'
import { freezePlainData, isPlainObject } from '../core/plain-data.js'
import { SystemError } from '../core/system-error.js'

enablePatches()

/** An instance of its own: the application's settings of immer are neither read nor changed. */
const immer = new Immer({ autoFreeze: true })

/** Run state is an object; its fields are the application's. */
export type StateObject = Readonly<Record<string, unknown>>

/** How a value was transformed: the patches that do it, and the value after it. */
export interface Change {
  readonly patches: readonly Patch[]
  readonly next: StateObject
}

/**
 * What the output of a step does to the snapshot it saw: a partial object is merged shallowly, a function is an
 * immer recipe, nothing changes nothing. Fields that are identical to the snapshot's are not counted as written.
 *
 * The values of a partial object are copied; those that a recipe puts into its draft are frozen, as immer does.
 *
 * @throws {SystemError} `VALIDATION` when the output is neither, or is not plain data, or when a recipe is asynchronous or
 *   returns a new object.
 */
export function toChange(base: StateObject, output: unknown): Change | undefined {
  if (output === undefined || output === null) return undefined
  if (typeof output === 'function') return fromRecipe(base, output as (draft: unknown) => unknown)
  return fromPartial(base, output, 'a partial object, a recipe or nothing')
}

/**
 * Merges a partial object into the state, as signals and manual resumes do.
 *
 * @param allowed What the message of a refusal asks for.
 */
export function fromPartial(
  base: StateObject,
  output: unknown,
  allowed = 'a partial object',
): Change | undefined {
  if (typeof output !== 'object' || Array.isArray(output) || output === null || !isPlainObject(output)) {
    throw new SystemError('VALIDATION', `Cannot merge ${nameOf(output)} into the state: give ${allowed}`)
  }
  const partial = output as Record<string, unknown>
  let patches: Patch[] | undefined
  let next: Record<string, unknown> | undefined
  for (const key of Object.keys(partial)) {
    const known = Object.hasOwn(base, key)
    if (known && Object.is(base[key], partial[key])) continue
    if (key === '__proto__') {
      throw new SystemError('VALIDATION', `Cannot write the reserved key "${key}"`, {
        context: { path: key },
      })
    }
    const value = freezePlainData(partial[key], key)
    // Of an object with many fields this copy is a tenth as dear as a spread one.
    next ??= Object.assign<Record<string, unknown>, StateObject>({}, base)
    next[key] = value
    const patch: Patch = { op: known ? 'replace' : 'add', path: [key], value }
    // A literal is as long as need be; the first `push` would make room for seventeen.
    if (patches) patches.push(patch)
    else patches = [patch]
  }
  return next && patches && { patches, next: Object.freeze(next) }
}

function fromRecipe(base: StateObject, recipe: (draft: unknown) => unknown): Change | undefined {
  let made: object | undefined
  const [next, patches] = immer.produceWithPatches(base, (draft) => {
    // What is not a new object is taken for nothing: `(draft) => draft.count++` is an arrow with a value nobody meant.
    const returned = recipe(draft)
    if (isThenable(returned)) {
      // It goes on without its draft, and must not bring the process down when it fails over that.
      returned.then(undefined, () => {})
      throw new SystemError(
        'VALIDATION',
        'A recipe must not be asynchronous: await first, then return the recipe',
      )
    }
    if (isNewObject(returned)) made = returned
  })
  for (const { path, value } of patches) {
    const place = path.join('.')
    if (path.includes('__proto__')) {
      throw new SystemError('VALIDATION', `Cannot write the reserved key at "${place}"`, {
        context: { path: place },
      })
    }
    freezePlainData(value, place)
  }
  if (made && !patches.some(({ value }) => holds(value, made))) throw lostObject()
  return patches.length === 0 ? undefined : { patches, next }
}

function isNewObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !isDraft(value) && isPlainObject(value)
}

/** Whether an object is within plain data. */
function holds(data: unknown, object: unknown): boolean {
  if (data === object) return true
  return typeof data === 'object' && data !== null && Object.values(data).some((each) => holds(each, object))
}

/** Immer would put it in the place of the whole state; beside partial objects, which are merged, that would be a trap. */
function lostObject(): SystemError {
  return new SystemError(
    'VALIDATION',
    'Cannot take the object that a recipe returned: change the draft and return nothing, or give a partial object without a recipe',
  )
}

/** Applies patches that were made on the same value. Throws what immer throws when a path does not resolve. */
export function applyChanges(base: StateObject, patches: readonly Patch[]): StateObject {
  return immer.applyPatches(base, patches)
}

function nameOf(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  if (Array.isArray(value)) return 'an array'
  if (typeof value !== 'object') return `a ${typeof value}`
  return `an instance of ${(value.constructor as { name?: string } | undefined)?.name ?? 'a class'}`
}
