import type { Clock } from '../../core/clock.js'
import type { ExecutionProfile } from '../runner/execution-profile.js'
import type { ShapeFunction } from '../runner/runner.js'

/** How an iteration is asked for. */
export interface IterationRequest {
  /** When it should have started: response time counts from here. @default now */
  readonly plannedAt?: number
  /** Telemetry carries it from now on. */
  readonly stage?: string
  /** Which virtual user runs it, from 0: `ctx.vu`. @default 0 */
  readonly vu?: number
}

/** What a load model sees of the runner whose iterations it starts. */
export interface LoadDriver {
  readonly clock: Clock
  /** Iterations that ended since the start or the last reset, those run by hand included. */
  readonly iterationCount: number
  readonly activeIterations: number
  /** Milliseconds in state `running`, since the start or last reset. */
  readonly elapsedMs: number
  /** Of the runner's definition; only where the profile says `shape`. */
  readonly shape: ShapeFunction | undefined
  /** Starts an iteration now, and resolves when it has ended, however it did. Never rejects. Not to be called while paused or stopped. */
  run(request?: IterationRequest): Promise<void>
  /** Counts iterations that could not start. */
  drop(count?: number): void
  /** Code of the user that the model asks has thrown: the runner has failed. */
  fail(what: string, error: unknown): void
  /** There is nothing left to start: the runner completes once what is under way has ended, or its grace period. May be called more than once. */
  finish(): void
}

/**
 * Decides when iterations start, and does nothing else: the runner runs them, counts them and keeps the state. One
 * instance per runner, made when it starts. A model sets its timers by `driver.clock` only; after `pause` and `stop` none is left.
 */
export interface LoadModel {
  start(): void
  /** Starts nothing more until `resume`. What is under way is none of its business. */
  pause(): void
  resume(): void
  /** Takes a changed profile, of the same `executor`. Looks again at once: a longer delay replaces the one under way, a limit already reached finishes. */
  update(profile: ExecutionProfile): void
  /** The counts begin at 0 again: `driver.iterationCount` and `elapsedMs` already did. */
  reset(): void
  /** Final. Starts nothing more, lets go of every timer. */
  stop(): void
  /** Whether a limit has been reached: asked after an iteration that was run by hand. */
  isExhausted(): boolean
}

export type CreateLoadModel = (profile: ExecutionProfile, driver: LoadDriver) => LoadModel
