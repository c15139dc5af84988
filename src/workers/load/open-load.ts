import type { ArrivalSchedule } from './arrival-schedule.js'
import { CLOCK_TOLERANCE_MS } from './clock-tolerance.js'
import { PlannedLoad } from './planned-load.js'

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
export class OpenLoad extends PlannedLoad<ArrivalPlan> {
  readonly #free: number[] = []
  #waiting: Waiting[] = []
  #vus = 0

  isExhausted(): boolean {
    return this.driver.elapsedMs + CLOCK_TOLERANCE_MS >= this.plan.schedule.endsAtMs
  }

  protected onUpdate(): void {
    this.plan.schedule.skipTo(this.driver.elapsedMs)
  }

  protected onReset(): void {
    this.#waiting = []
  }

  protected onStop(): void {
    this.#dropWaiting(Infinity)
  }

  /** Starts what is due, and sets the timer for what comes next. */
  protected turn(): void {
    const { schedule } = this.plan
    const elapsedMs = this.driver.elapsedMs
    const now = this.driver.clock.now()
    this.#dropWaiting(elapsedMs)
    while (schedule.nextMs <= elapsedMs + CLOCK_TOLERANCE_MS && this.isMoving) {
      const dueMs = schedule.nextMs
      schedule.take()
      const stage = this.plan.stageAt(dueMs)
      // Millisecond for millisecond as the schedule wants it, however late the timer is.
      this.#waiting.push({ plannedAt: now - (elapsedMs - dueMs), sinceMs: elapsedMs, stage })
      this.#admit()
    }
    if (!this.isMoving) return
    if (this.isExhausted()) {
      this.#dropWaiting(Infinity)
      this.driver.finish()
      return
    }
    const nextMs = this.#waiting.length > 0 ? elapsedMs + PATIENCE_MS : Infinity
    const waitMs = Math.min(schedule.nextMs, schedule.endsAtMs, nextMs) - this.driver.elapsedMs
    this.turnAgainIn(Math.max(0, waitMs))
  }

  #admit(): void {
    const most = this.profile.maxConcurrent ?? DEFAULT_MAX_CONCURRENT
    while (this.#waiting.length > 0 && this.driver.activeIterations < most && this.isMoving) {
      const { plannedAt, stage } = this.#waiting.shift()!
      const vu = this.#free.pop() ?? this.#vus++
      void this.driver.run({ plannedAt, vu, ...(stage === undefined ? {} : { stage }) }).then(() => {
        this.#free.push(vu)
        if (this.isMoving) this.#admit()
      })
    }
  }

  /** Gives up those that have found no room within their time. */
  #dropWaiting(elapsedMs: number): void {
    const dropped = this.#waiting.filter(({ sinceMs }) => elapsedMs - sinceMs >= PATIENCE_MS).length
    if (dropped === 0) return
    this.#waiting.splice(0, dropped)
    this.driver.drop(dropped)
  }
}
