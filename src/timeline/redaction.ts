import type { Patch } from 'immer'
import { isPlainObject } from '../core/plain-data.js'
import { SystemError } from '../core/system-error.js'
import { REDACTED, type SecretMask, createSecretMask } from './secret-mask.js'
import type { TimelineState } from './timeline-event.js'

/**
 * A place in the run state: keys joined by dots, `*` for every key or element: `card.number`, `users.*.password`.
 * As an array where a key has a dot in it.
 */
export type RedactPath = string | readonly string[]

export interface RedactionOptions {
  /** Places in the run state whose values are replaced by `[redacted]`. @default [] */
  readonly redact?: readonly RedactPath[]
  /** Texts of at least 4 characters that are replaced wherever they occur, in base64, URL and other forms too. @default [] */
  readonly secrets?: readonly string[]
}

/**
 * Removes what must not be recorded. It treats a state and the patches that led to it alike: applying the redacted
 * patches to the redacted state before gives the redacted state after.
 */
export interface Redaction {
  state<Value>(state: Value): Value
  /** `after` is the state that the patches led to. */
  delta(patches: readonly Patch[], after: TimelineState): readonly Patch[]
  readonly mask: SecretMask | undefined
}

/**
 * The redaction of these options, or `undefined` when there is nothing to remove.
 *
 * @throws {SystemError} `VALIDATION` when a path is empty or a secret too short.
 */
export function createRedaction({ redact = [], secrets = [] }: RedactionOptions): Redaction | undefined {
  const paths = redact.map(parsePath)
  const mask = createSecretMask(secrets)
  if (paths.length === 0 && !mask) return undefined
  const maskValue = mask ? deepMask(mask) : <Value>(value: Value) => value

  return {
    mask,
    state(state) {
      let value: unknown = state
      for (const path of paths) value = redactAt(value, path, 0)
      return maskValue(value) as typeof state
    },
    delta(patches, after) {
      const redacted: Patch[] = []
      for (const patch of patches) {
        const kept = redactPatch(patch, paths, after)
        if (!kept) continue
        const path = mask ? kept.path.map((key) => (typeof key === 'string' ? mask(key) : key)) : kept.path
        redacted.push({
          ...kept,
          path,
          ...('value' in kept ? { value: maskValue(kept.value) } : {}),
        })
      }
      return redacted
    },
  }
}

function parsePath(path: RedactPath): readonly string[] {
  const keys: readonly unknown[] = typeof path === 'string' ? path.split('.') : path
  if (Array.isArray(keys) && keys.length > 0 && keys.every((key) => typeof key === 'string' && key !== '')) {
    return keys as readonly string[]
  }
  throw new SystemError(
    'VALIDATION',
    `Cannot redact ${JSON.stringify(path)}: give a path into the run state such as 'card.number' or 'users.*.password'`,
  )
}

/** The value with what is at `path` replaced; itself when there is nothing. Objects on the way are copied and frozen. */
function redactAt(value: unknown, path: readonly string[], depth: number): unknown {
  if (depth === path.length) return REDACTED
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value
  const from = value as Record<string, unknown>
  const wanted = path[depth]!
  // Enumerable: the length of an array is no value of the state.
  const isThere = Object.prototype.propertyIsEnumerable.call(from, wanted)
  const keys = wanted === '*' ? Object.keys(from) : isThere ? [wanted] : []
  let copy: Record<string, unknown> | undefined
  for (const key of keys) {
    const child = redactAt(from[key], path, depth + 1)
    if (child === from[key]) continue
    copy ??= Array.isArray(value)
      ? ([...(value as unknown[])] as unknown as Record<string, unknown>)
      : { ...from }
    copy[key] = child
  }
  return copy ? Object.freeze(copy) : value
}

/** The patch as the redacted state needs it; `undefined` when it is inside a value that is replaced as a whole. */
function redactPatch(
  patch: Patch,
  paths: readonly (readonly string[])[],
  after: TimelineState,
): Patch | undefined {
  let { value } = patch as { value?: unknown }
  for (const path of paths) {
    const shared = Math.min(path.length, patch.path.length)
    if (!path.slice(0, shared).every((key, index) => key === '*' || key === String(patch.path[index])))
      continue
    if (path.length < patch.path.length) return undefined
    if (!isArrayLength(patch, after)) value = redactAt(value, path, patch.path.length)
  }
  return patch.op === 'remove' ? patch : { op: patch.op, path: patch.path, value }
}

/** Whether the patch cuts an array short: its length is no value of the state. */
function isArrayLength(patch: Patch, after: TimelineState): boolean {
  if (patch.path.at(-1) !== 'length' || typeof patch.value !== 'number') return false
  let parent: unknown = after
  for (const key of patch.path.slice(0, -1)) {
    if (typeof parent !== 'object' || parent === null) return true
    parent = (parent as Record<string | number, unknown>)[key]
  }
  return Array.isArray(parent)
}

/** Masks every string and key of plain data, sharing what holds no secret, and what it has seen before. */
function deepMask(mask: SecretMask): (value: unknown) => unknown {
  const seen = new WeakMap<object, unknown>()
  const visit = (value: unknown): unknown => {
    if (typeof value === 'string') return mask(value)
    if (typeof value !== 'object' || value === null) return value
    if (!Array.isArray(value) && !isPlainObject(value)) return value
    const known = seen.get(value)
    if (known !== undefined) return known
    const masked = Array.isArray(value) ? maskArray(value) : maskObject(value)
    if (Object.isFrozen(value)) seen.set(value, masked)
    return masked
  }
  const maskArray = (items: readonly unknown[]): unknown => {
    const copy = items.map(visit)
    return copy.every((item, index) => Object.is(item, items[index])) ? items : Object.freeze(copy)
  }
  const maskObject = (object: object): unknown => {
    const entries = Object.entries(object)
    const copy = entries.map(([key, value]) => [mask(key), visit(value)] as const)
    return copy.every(
      ([key, value], index) => key === entries[index]![0] && Object.is(value, entries[index]![1]),
    )
      ? object
      : Object.freeze(Object.fromEntries(copy))
  }
  return visit
}
