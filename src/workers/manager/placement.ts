/** A host as placement sees it. */
export interface PlacementCandidate {
  readonly workerId: string
  /** Runners on it that have not ended. */
  readonly runners: number
  readonly activeTasks: number
  /** How busy its thread was lately, from 0 to 1; `undefined` where that cannot be told. */
  readonly utilization: number | undefined
  readonly tags: readonly string[]
}

/**
 * Chooses the host of a new runner, by its id. The candidates come oldest first; those that drain or start are not among
 * them. `null` asks for one more host; where none may be added the runner is refused.
 */
export type Placement = (
  candidates: readonly PlacementCandidate[],
  room: { readonly canGrow: boolean },
) => string | null

export const PLACEMENTS = ['leastRunners', 'leastBusy', 'roundRobin'] as const

export type PlacementName = (typeof PLACEMENTS)[number]

export function createPlacement(placement: PlacementName | Placement): Placement {
  if (typeof placement === 'function') return placement
  if (placement === 'roundRobin') return roundRobin()
  const weight =
    placement === 'leastBusy'
      ? (each: PlacementCandidate) => each.utilization ?? each.runners + each.activeTasks
      : (each: PlacementCandidate) => each.runners
  return (candidates, { canGrow }) => {
    const best = leastOf(candidates, weight)
    // An empty host is as good as a new one, and is there already.
    return !best || (canGrow && best.runners > 0) ? null : best.workerId
  }
}

/** The first of those with the least weight: ties go to the oldest. */
export function leastOf<T>(candidates: readonly T[], weight: (candidate: T) => number): T | undefined {
  let best: T | undefined
  let least = Infinity
  for (const each of candidates) {
    const here = weight(each)
    if (best !== undefined && !(here < least)) continue
    best = each
    least = here
  }
  return best
}

function roundRobin(): Placement {
  let last: string | undefined
  return (candidates, { canGrow }) => {
    if (candidates.length === 0 || (canGrow && candidates.every(({ runners }) => runners > 0))) return null
    const next =
      candidates[(candidates.findIndex(({ workerId }) => workerId === last) + 1) % candidates.length]!
    last = next.workerId
    return last
  }
}
