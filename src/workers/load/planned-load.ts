import type { ExecutionProfile } from '../runner/execution-profile.js'
import type { LoadDriver, LoadModel } from './load-model.js'

/**
 * What all loads have in common: a profile and the plan made of it, whether they move, and the one timer of the plan.
 *
 * Invariant: while it does not move, the timer is not set and `turn` is not called.
 */
export abstract class PlannedLoad<Plan> implements LoadModel {
  protected readonly driver: LoadDriver
  protected profile: ExecutionProfile
  protected plan: Plan
  protected isMoving = false
  readonly #createPlan: (profile: ExecutionProfile) => Plan
  #timer: unknown

  constructor(
    profile: ExecutionProfile,
    driver: LoadDriver,
    createPlan: (profile: ExecutionProfile) => Plan,
  ) {
    this.profile = profile
    this.driver = driver
    this.#createPlan = createPlan
    this.plan = createPlan(profile)
  }

  start(): void {
    this.isMoving = true
    this.#turn()
  }

  pause(): void {
    this.stop()
  }

  resume(): void {
    this.start()
  }

  update(profile: ExecutionProfile): void {
    this.profile = profile
    this.plan = this.#createPlan(profile)
    this.onUpdate()
    if (this.isMoving) this.#turn()
  }

  reset(): void {
    this.plan = this.#createPlan(this.profile)
    this.onReset()
    if (this.isMoving) this.#turn()
  }

  stop(): void {
    this.isMoving = false
    this.driver.clock.clearTimeout(this.#timer)
    this.onStop()
  }

  abstract isExhausted(): boolean

  /** Does what the plan wants now, and says by `turnAgainIn` when to look again. */
  protected abstract turn(): void

  /** There is a new plan for the same load. */
  protected abstract onUpdate(): void

  /** Everything begins anew. */
  protected abstract onReset(): void

  /** Nothing more is started: lets go of what waits. */
  protected abstract onStop(): void

  protected turnAgainIn(ms: number): void {
    this.#timer = this.driver.clock.setTimeout(() => this.#turn(), ms)
  }

  #turn(): void {
    this.driver.clock.clearTimeout(this.#timer)
    this.turn()
  }
}
