import type { Artifact } from './artifact.js'
import { requesters } from './container-errors.js'

/** The shortest way from `start` to `goal`, both included. */
export function findPath<Node>(
  start: Node,
  goal: Node,
  next: (node: Node) => Iterable<Node>,
): Node[] | undefined {
  const cameFrom = new Map<Node, Node | undefined>([[start, undefined]])
  // A map may grow while it is walked: that makes it the work list too, and no depth is too deep.
  for (const node of cameFrom.keys()) {
    if (node === goal) {
      const path: Node[] = []
      for (let each: Node | undefined = node; each !== undefined; each = cameFrom.get(each)) path.push(each)
      return path.reverse()
    }
    for (const each of next(node)) if (!cameFrom.has(each)) cameFrom.set(each, node)
  }
  return undefined
}

/**
 * The cycle that would close if `from`, which is being built, waited for `target`: `[a, b, a]`. `undefined` when
 * there is none. Only artifacts that are being built can wait for one another, so only these are walked.
 */
export function findCycle(from: Artifact, target: Artifact): string[] | undefined {
  if (target.isTransient) return findAmongRequesters(from, target)
  const path = findPath(target, from, (each) => (each.pending && each.build?.deps) || [])
  return path && [...path, target].map(({ label }) => label)
}

/** A transient service is another artifact at each look-up, so it is found again by its template. */
function findAmongRequesters(from: Artifact, target: Artifact): string[] | undefined {
  const path = [target.label]
  for (const each of requesters(from)) {
    path.push(each.label)
    if (each.template === target.template && each.label === target.label) return path.reverse()
  }
  return undefined
}
