import { toMs } from '../../core/duration.js'
import type { ExecutionProfile } from '../runner/execution-profile.js'
import { ArrivalSchedule, type RateSegment } from './arrival-schedule.js'
import { ClosedLoad } from './closed-load.js'
import type { CreateLoadModel, LoadDriver, LoadModel } from './load-model.js'
import { type ArrivalPlan, OpenLoad } from './open-load.js'
import { seededRandom } from '../../core/seeded-random.js'
import { shapePlan } from './shape-plan.js'
import { type VuPlan, constantPlan, rampPlan } from './vu-plan.js'

const DEFAULT_SHAPE_INTERVAL_MS = 1000
const DEFAULT_MAX_VUS = 1000

/** The model that a profile asks for. What the profile may hold was checked when it was given. */
export const createLoadModel: CreateLoadModel = (profile, driver) => {
  const closed = (plan: (profile: ExecutionProfile) => VuPlan) => new ClosedLoad(profile, driver, plan)
  switch (profile.executor ?? 'iterations') {
    case 'iterations':
    case 'sharedIterations':
    case 'constantVus':
      return closed(({ vus = 1, duration }) => constantPlan(vus, limit(duration)))
    case 'rampingVus':
      return closed(({ startVus = 0, stages = [], duration }) =>
        rampPlan(
          startVus,
          stages.map(({ duration: each, target, name }) => ({ durationMs: toMs(each), target, name })),
          limit(duration),
        ),
      )
    case 'shape':
      return createShapeLoad(profile, driver)
    case 'constantArrivalRate':
      return new OpenLoad(profile, driver, constantArrivals)
    case 'rampingArrivalRate':
      return new OpenLoad(profile, driver, rampingArrivals)
  }
}

function createShapeLoad(profile: ExecutionProfile, driver: LoadDriver): LoadModel {
  return new ClosedLoad(profile, driver, ({ shapeInterval, maxConcurrent, duration }) =>
    shapePlan(driver, {
      intervalMs: toMs(shapeInterval ?? DEFAULT_SHAPE_INTERVAL_MS),
      maxVus: maxConcurrent ?? DEFAULT_MAX_VUS,
      endsAtMs: limit(duration),
    }),
  )
}

function constantArrivals(profile: ExecutionProfile): ArrivalPlan {
  const { rate = 0, duration } = profile
  const perMs = rate / unitMs(profile)
  const segment = { durationMs: limit(duration), fromRate: perMs, toRate: perMs }
  return { schedule: createSchedule([segment], profile), stageAt: () => undefined }
}

function rampingArrivals(profile: ExecutionProfile): ArrivalPlan {
  const { startRate = 0, stages = [], duration } = profile
  const segments: RateSegment[] = []
  let fromRate = startRate / unitMs(profile)
  let leftMs = limit(duration)
  for (const stage of stages) {
    const wholeMs = toMs(stage.duration)
    const durationMs = Math.min(leftMs, wholeMs)
    leftMs -= durationMs
    const target = stage.target / unitMs(profile)
    const toRate = wholeMs === 0 ? target : fromRate + (target - fromRate) * (durationMs / wholeMs)
    segments.push({ durationMs, fromRate, toRate })
    fromRate = target
  }
  const stageAt = (elapsedMs: number) => {
    let endMs = 0
    return stages.find(({ duration: each }) => elapsedMs < (endMs += toMs(each)))?.name
  }
  return { schedule: createSchedule(segments, profile), stageAt }
}

function createSchedule(
  segments: readonly RateSegment[],
  { spacing, seed = 1, phase = 0 }: ExecutionProfile,
): ArrivalSchedule {
  return new ArrivalSchedule(segments, spacing === 'poisson' ? { random: seededRandom(seed) } : { phase })
}

function unitMs({ timeUnit = 1000 }: ExecutionProfile): number {
  return toMs(timeUnit)
}

function limit(duration: ExecutionProfile['duration']): number {
  return duration === undefined ? Infinity : toMs(duration)
}
