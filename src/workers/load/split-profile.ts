import { toMs } from '../../core/duration.js'
import { SystemError } from '../../core/system-error.js'
import type { ExecutionProfile } from '../runner/execution-profile.js'

/**
 * Divides a load among runners, so that all of them together do what the profile says: virtual users, iterations and
 * `maxConcurrent` in whole numbers that add up, rates by a longer unit of time.
 *
 * @throws {SystemError} `VALIDATION` when it cannot be divided by so many.
 */
export function splitProfile(profile: ExecutionProfile, runners: number): readonly ExecutionProfile[] {
  if (!Number.isSafeInteger(runners) || runners < 1) throw refuse('runners', 'must be a whole number from 1')
  if (runners === 1) return [profile]
  const {
    executor = 'iterations',
    vus = 1,
    maxConcurrent,
    iterations,
    startVus,
    stages,
    timeUnit,
    seed,
    phase = 0,
  } = profile
  if (executor === 'iterations' || executor === 'shape') {
    throw refuse(
      'runners',
      `must be 1 with the executor ${executor}, whose load is one; use sharedIterations or constantVus`,
    )
  }
  if ((executor === 'sharedIterations' || executor === 'constantVus') && vus < runners) {
    throw refuse('vus', `must be at least the number of runners, ${runners}: it is ${vus}`)
  }
  if (maxConcurrent !== undefined && maxConcurrent < runners) {
    throw refuse(
      'maxConcurrent',
      `must be at least the number of runners, ${runners}: it is ${maxConcurrent}`,
    )
  }
  return Array.from({ length: runners }, (_, index) => {
    const share = (total: number) => Math.floor((total + runners - 1 - index) / runners)
    if (executor === 'constantArrivalRate' || executor === 'rampingArrivalRate') {
      return {
        ...profile,
        timeUnit: toMs(timeUnit ?? 1000) * runners,
        ...(maxConcurrent !== undefined && { maxConcurrent: share(maxConcurrent) }),
        // At random, each draws its own, and together they are one Poisson process; evenly, each starts in the gaps of the others.
        ...(profile.spacing === 'poisson'
          ? { seed: (seed ?? 1) + index }
          : { phase: (index + phase) / runners }),
      }
    }
    return {
      ...profile,
      ...(executor !== 'rampingVus' && { vus: share(vus) }),
      ...(iterations !== undefined && { iterations: share(iterations) }),
      ...(startVus !== undefined && { startVus: share(startVus) }),
      ...(stages && { stages: stages.map((stage) => ({ ...stage, target: share(stage.target) })) }),
    }
  })
}

function refuse(path: string, message: string): SystemError {
  return new SystemError('VALIDATION', `Cannot divide the load: "${path}" ${message}`, {
    context: { issues: [{ path, message }] },
  })
}
