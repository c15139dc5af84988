import type { Duration } from '../../core/duration.js'

export const LOAD_EXECUTORS = [
  'iterations',
  'sharedIterations',
  'constantVus',
  'rampingVus',
  'constantArrivalRate',
  'rampingArrivalRate',
  'shape',
] as const

/** How a runner's iterations are started. The last three but `shape` say `Vus` where they are closed, `Rate` where they are open. */
export type LoadExecutor = (typeof LOAD_EXECUTORS)[number]

/** A piece of a ramp: within `duration`, to `target` virtual users or iterations per `timeUnit`. */
export interface LoadStage {
  readonly duration: Duration
  /** A whole number from 0. */
  readonly target: number
  /** Telemetry carries it while the stage lasts. */
  readonly name?: string
}

/**
 * When iterations of a runner start. Which fields go with which `executor` is in `check-profile.ts`; one that does not
 * is refused. Numbers are whole and not negative unless it says so.
 */
export interface ExecutionProfile {
  /** @default 'iterations' */
  readonly executor?: LoadExecutor
  /** `iterations`: of the one loop; `sharedIterations`: of all virtual users together. 0 completes at once. @default Infinity (field left out) */
  readonly iterations?: number
  /** From the end of an iteration to the start of the next of the same virtual user; closed models. @default 0 */
  readonly delayBetweenIterations?: Duration
  /** `sharedIterations`, `constantVus`: how many loops run beside each other, from 1. @default 1 */
  readonly vus?: number
  /** `rampingVus`: at the beginning. @default 0 */
  readonly startVus?: number
  /** `constantArrivalRate`: iterations per `timeUnit`; above 0, fractions allowed. */
  readonly rate?: number
  /** `rampingArrivalRate`: at the beginning. Fractions allowed. @default 0 */
  readonly startRate?: number
  /** What a rate is per. @default '1s' */
  readonly timeUnit?: Duration
  /** `rampingVus`, `rampingArrivalRate`: at least one. */
  readonly stages?: readonly LoadStage[]
  /** Of the whole run, without paused time. Needed by `constantVus` and `constantArrivalRate`; a limit elsewhere. */
  readonly duration?: Duration
  /** Open models and `shape`: iterations under way at once, from 1; what would be more is dropped and counted. @default 1000 */
  readonly maxConcurrent?: number
  /** Open models: starts evenly apart, or at random with the same mean. @default 'even' */
  readonly spacing?: 'even' | 'poisson'
  /**
   * For `even`: how far the first start is from the beginning, in parts of the distance between two starts, from 0 to below 1.
   * Runners that share a load have different ones, so that they do not start in step. @default 0
   */
  readonly phase?: number
  /** For `poisson`: the same seed, the same starts. @default 1 */
  readonly seed?: number
  /** How often `shape` is asked. @default '1s' */
  readonly shapeInterval?: Duration
  /** How long iterations under way may go on after a stop, or the end of the profile, before they are interrupted. @default '30s' */
  readonly gracePeriod?: Duration
}

/** The `gracePeriod` of a profile that says none. */
export const DEFAULT_GRACE_PERIOD: Duration = '30s'
