import { isPlainObject } from '../core/plain-data.js'
import type { Issue } from '../core/system-error.js'

/** How large a plan may be. What is beyond is refused at the door, before anything of it is looked at. */
export interface PlanLimits {
  /** @default 5000 */
  readonly maxSteps?: number
  /** @default 20000 */
  readonly maxEdges?: number
  /** How deep the plan may be nested, `state` and `configuration` of steps included. @default 100 */
  readonly maxDepth?: number
  /** Values, arrays and objects in the plan. @default 500000 */
  readonly maxNodes?: number
  /** Characters in the plan, keys included. @default 16000000 */
  readonly maxCharacters?: number
}

export const DEFAULT_LIMITS: Required<PlanLimits> = {
  maxSteps: 5_000,
  maxEdges: 20_000,
  maxDepth: 100,
  maxNodes: 500_000,
  maxCharacters: 16_000_000,
}

export type PlanCopy =
  { readonly ok: true; readonly copy: unknown } | { readonly ok: false; readonly issue: Issue }

/**
 * A copy of the arrays and plain objects of a plan: every field is read once, so that what was checked is what runs,
 * whatever the caller does to the plan later. Functions and instances of classes are taken over as they are. Linear in the
 * size of the plan, and ends at the first thing that makes it no plan at all.
 */
export function copyPlan(plan: unknown, limits: Required<PlanLimits>): PlanCopy {
  const walk: Walk = { limits, nodes: limits.maxNodes, characters: limits.maxCharacters, keys: [], above: [] }
  try {
    return { ok: true, copy: copy(plan, walk) }
  } catch (error) {
    const path = walk.keys.slice(0, 12).join('.')
    const message = error instanceof Refusal ? error.message : 'could not be read: reading it threw'
    return { ok: false, issue: { path, message } }
  }
}

class Refusal extends Error {}

interface Walk {
  readonly limits: Required<PlanLimits>
  nodes: number
  characters: number
  readonly keys: (string | number)[]
  readonly above: object[]
}

function copy(value: unknown, walk: Walk): unknown {
  if (--walk.nodes < 0) throw new Refusal(`makes the plan hold more than ${walk.limits.maxNodes} values`)
  if (typeof value === 'string') read(value, walk)
  if (typeof value !== 'object' || value === null) return value
  const isArray = Array.isArray(value)
  if (!isArray && !isPlainObject(value)) return value
  if (walk.above.includes(value)) throw new Refusal('refers to an object it stands in')
  if (walk.above.length >= walk.limits.maxDepth) {
    throw new Refusal(`is nested deeper than ${walk.limits.maxDepth} levels`)
  }
  walk.above.push(value)
  const target = isArray ? copyArray(value, walk) : copyFields(value as Fields, walk)
  walk.above.pop()
  return target
}

type Fields = Record<string, unknown>

function copyArray(source: readonly unknown[], walk: Walk): unknown[] {
  if (source.length > walk.nodes) throw new Refusal(`holds ${source.length} elements, which is too many`)
  const at = walk.keys.length
  const target: unknown[] = []
  for (let index = 0; index < source.length; index++) {
    walk.keys[at] = index
    target.push(copy(source[index], walk))
  }
  walk.keys.length = at
  return target
}

function copyFields(source: Fields, walk: Walk): Fields {
  const at = walk.keys.length
  const target: Fields = {}
  for (const key of Object.keys(source)) {
    walk.keys[at] = key
    if (key === '__proto__') throw new Refusal('is a reserved key')
    read(key, walk)
    target[key] = copy(source[key], walk)
  }
  walk.keys.length = at
  return target
}

function read(text: string, walk: Walk): void {
  walk.characters -= text.length
  if (walk.characters < 0) {
    throw new Refusal(`makes the plan longer than ${walk.limits.maxCharacters} characters`)
  }
}

/** Whether a plan is still what its copy was made from. Ends with the copy, whatever the plan has become. */
export function isSame(value: unknown, copied: unknown): boolean {
  if (typeof copied !== 'object' || copied === null) return Object.is(value, copied)
  if (value === copied) return true
  if (typeof value !== 'object' || value === null) return false
  if (Array.isArray(copied)) {
    if (!Array.isArray(value) || value.length !== copied.length) return false
    return copied.every((each, index) => isSame(value[index], each))
  }
  if (Array.isArray(value) || !isPlainObject(value)) return false
  const keys = Object.keys(copied)
  if (Object.keys(value).length !== keys.length) return false
  return keys.every((key) => isSame((value as Fields)[key], (copied as Fields)[key]))
}
