import type { ExecutionProfile } from '../runner/execution-profile.js'
import type { ArrivalSchedule } from './arrival-schedule.js'
import { CLOCK_TOLERANCE_MS } from './clock-tolerance.js'
import type { LoadDriver, LoadModel } from './load-model.js'

const DEFAULT_MAX_CONCURRENT = 1000
/** Timers are not finer: who finds no room gets the chance to take one that becomes free within this time. */
const PATIENCE_MS = 1

/** A start that is due and found no room. */
interface Waiting {
  readonly plannedAt: number
  readonly sinceMs: number
  readonly stage: string | undefined
}

/** When an open load starts what, and how its stages are called. */
export interface ArrivalPlan {
  readonly schedule: ArrivalSchedule
  stageAt(elapsedMs: number): string | undefined
}

/**
 * Starts iterations when they are due, whether or not those before have ended, as visitors do who know nothing of each
 * other. Each is told when it should have started, so a target that stands still shows in the response time of all who
 * came meanwhile. What finds `maxConcurrent` others under way is dropped, and counted.
 */
export class OpenLoad implements LoadModel {
  readonly #driver: LoadDriver
  readonly #plan: (profile: ExecutionProfile) => ArrivalPlan
  readonly #free: number[] = []
  #profile: ExecutionProfile
  #arrivals: ArrivalPlan
  #waiting: Waiting[] = []
  #vus = 0
  #isMoving = false
  #timer: unknown

  constructor(
    profile: ExecutionProfile,
    driver: LoadDriver,
    plan: (profile: ExecutionProfile) => ArrivalPlan,
  ) {
    this.#profile = profile
    this.#driver = driver
    this.#plan = plan
    this.#arrivals = plan(profile)
  }

  start(): void {
    this.#isMoving = true
    this.#turn()
  }

  pause(): void {
    this.stop()
  }

  resume(): void {
    this.start()
  }

  update(profile: ExecutionProfile): void {
    this.#profile = profile
    this.#arrivals = this.#plan(profile)
    this.#arrivals.schedule.skipTo(this.#driver.elapsedMs)
    if (this.#isMoving) this.#turn()
  }

  reset(): void {
    this.#arrivals = this.#plan(this.#profile)
    this.#waiting = []
    if (this.#isMoving) this.#turn()
  }

  stop(): void {
    this.#isMoving = false
    this.#driver.clock.clearTimeout(this.#timer)
    this.#dropWaiting(Infinity)
  }

  isExhausted(): boolean {
    return this.#driver.elapsedMs + CLOCK_TOLERANCE_MS >= this.#arrivals.schedule.endsAtMs
  }

  /** Starts what is due, and sets the timer for what comes next. */
  #turn(): void {
    const { clock } = this.#driver
    clock.clearTimeout(this.#timer)
    const { schedule } = this.#arrivals
    const elapsedMs = this.#driver.elapsedMs
    const now = clock.now()
    this.#dropWaiting(elapsedMs)
    while (schedule.nextMs <= elapsedMs + CLOCK_TOLERANCE_MS && this.#isMoving) {
      const dueMs = schedule.nextMs
      schedule.take()
      const stage = this.#arrivals.stageAt(dueMs)
      // Millisecond for millisecond as the schedule wants it, however late the timer is.
      this.#waiting.push({ plannedAt: now - (elapsedMs - dueMs), sinceMs: elapsedMs, stage })
      this.#admit()
    }
    if (!this.#isMoving) return
    if (this.isExhausted()) {
      this.#dropWaiting(Infinity)
      this.#driver.finish()
      return
    }
    const nextMs = this.#waiting.length > 0 ? elapsedMs + PATIENCE_MS : Infinity
    const waitMs = Math.min(schedule.nextMs, schedule.endsAtMs, nextMs) - this.#driver.elapsedMs
    this.#timer = clock.setTimeout(() => this.#turn(), Math.max(0, waitMs))
  }

  #admit(): void {
    const most = this.#profile.maxConcurrent ?? DEFAULT_MAX_CONCURRENT
    while (this.#waiting.length > 0 && this.#driver.activeIterations < most && this.#isMoving) {
      const { plannedAt, stage } = this.#waiting.shift()!
      const vu = this.#free.pop() ?? this.#vus++
      void this.#driver.run({ plannedAt, vu, ...(stage === undefined ? {} : { stage }) }).then(() => {
        this.#free.push(vu)
        if (this.#isMoving) this.#admit()
      })
    }
  }

  /** Gives up those that have found no room within their time. */
  #dropWaiting(elapsedMs: number): void {
    const dropped = this.#waiting.filter(({ sinceMs }) => elapsedMs - sinceMs >= PATIENCE_MS).length
    if (dropped === 0) return
    this.#waiting.splice(0, dropped)
    this.#driver.drop(dropped)
  }
}
