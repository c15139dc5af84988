import type { Patch } from 'immer'
import { SystemError } from '../core/system-error.js'
import { type Change, type StateObject, applyChanges } from './change.js'

/** What one step of a stage wrote. */
export interface StepChange {
  readonly stepId: string
  readonly change: Change
}

export type ConflictPolicy = 'error' | 'last-wins'

/**
 * Merges the changes that the steps of one stage made to the same snapshot, in the order the steps are declared.
 * Two steps conflict when one wrote a path that the other wrote too, or a path above or below it; adding or removing
 * elements writes the whole array, because it moves the others.
 *
 * @throws {SystemError} `CONFLICT` naming both steps and the path.
 */
export function mergeChanges(
  base: StateObject,
  changes: readonly StepChange[],
  policy: ConflictPolicy,
): Change {
  const [only] = changes
  if (only && changes.length === 1) return only.change
  if (policy === 'error') refuseConflicts(base, changes)
  const patches = changes.flatMap(({ change }) => change.patches)
  try {
    return { patches, next: applyChanges(base, patches) }
  } catch (cause) {
    const steps = changes.map(({ stepId }) => stepId)
    throw new SystemError(
      'CONFLICT',
      `The changes of the steps ${steps.map((id) => `"${id}"`).join(', ')} cannot be merged: one removed what another wrote into`,
      { cause, context: { steps } },
    )
  }
}

/** Written paths as a tree: a node that is a leaf was written itself. */
interface Written {
  by?: string
  readonly below: Map<string | number, Written>
}

function refuseConflicts(base: StateObject, changes: readonly StepChange[]): void {
  const root: Written = { below: new Map() }
  for (const { stepId, change } of changes) {
    for (const patch of change.patches) {
      const path = writtenPath(base, patch)
      const other = claim(root, path, stepId)
      if (other === undefined) continue
      const place = path.join('.')
      throw new SystemError(
        'CONFLICT',
        `The steps "${other}" and "${stepId}" both wrote "${place}": let one of them write it, or say onConflict: 'last-wins'`,
        { context: { steps: [other, stepId], path: place } },
      )
    }
  }
}

/** Marks the path as written, and returns the step that wrote it, above it or below it before. */
function claim(root: Written, path: readonly (string | number)[], stepId: string): string | undefined {
  let node = root
  for (const key of path) {
    if (node.by !== undefined && node.by !== stepId) return node.by
    let child = node.below.get(key)
    if (!child) node.below.set(key, (child = { below: new Map() }))
    node = child
  }
  const other = firstOther(node, stepId)
  node.by ??= stepId
  return other
}

function firstOther(node: Written, stepId: string): string | undefined {
  if (node.by !== undefined && node.by !== stepId) return node.by
  for (const child of node.below.values()) {
    const other = firstOther(child, stepId)
    if (other !== undefined) return other
  }
  return undefined
}

function writtenPath(base: StateObject, patch: Patch): readonly (string | number)[] {
  const parentPath = patch.path.slice(0, -1)
  let parent: unknown = base
  for (const key of parentPath) parent = (parent as Record<string | number, unknown> | undefined)?.[key]
  const movesOthers = Array.isArray(parent) && (patch.op !== 'replace' || patch.path.at(-1) === 'length')
  return movesOthers ? parentPath : patch.path
}
