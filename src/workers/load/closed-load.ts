import { toMs } from '../../core/duration.js'
import { CLOCK_TOLERANCE_MS } from './clock-tolerance.js'
import { PlannedLoad } from './planned-load.js'
import type { VuPlan } from './vu-plan.js'

/** A loop of iterations, one after the other. */
interface VirtualUser {
  readonly vu: number
  isBusy: boolean
  /** Since when it waits between two iterations, in milliseconds of the load. */
  idleSinceMs: number | undefined
  timer: unknown
}

/**
 * Virtual users who start an iteration when they are done with the one before: the load follows the target, and a slow
 * target gets less of it. How many there are says the plan; `iterations` bounds what all of them do together.
 */
export class ClosedLoad extends PlannedLoad<VuPlan> {
  readonly #users: VirtualUser[] = []
  #target = 0

  isExhausted(): boolean {
    return this.driver.iterationCount >= (this.profile.iterations ?? Infinity) || this.#isOver()
  }

  protected onUpdate(): void {
    for (const user of this.#users) this.#wake(user)
  }

  protected onReset(): void {
    // What they waited for was the iteration before; that is forgotten.
    for (const user of this.#users) {
      this.#wake(user)
      user.idleSinceMs = undefined
    }
  }

  protected onStop(): void {
    for (const user of this.#users) this.#wake(user)
  }

  /** Brings the number of virtual users to what the plan wants now, and says when to look again. */
  protected turn(): void {
    const elapsedMs = this.driver.elapsedMs
    this.#target = this.plan.vusAt(elapsedMs)
    // Asked first: the plan may have come to its end just by being asked.
    if (this.#isOver() || !this.#mayStart()) {
      if (this.#isOver()) this.#target = 0
      this.driver.finish()
      return
    }
    const nextMs = Math.min(this.plan.endsAtMs, this.plan.nextChangeAfter(elapsedMs))
    if (nextMs !== Infinity) this.turnAgainIn(nextMs - elapsedMs)
    for (let vu = 0; vu < this.#target; vu++) {
      this.#continue((this.#users[vu] ??= { vu, isBusy: false, idleSinceMs: undefined, timer: undefined }))
      if (!this.isMoving) return
    }
  }

  #continue(user: VirtualUser): void {
    if (!this.isMoving || user.isBusy || user.timer !== undefined || user.vu >= this.#target) return
    if (!this.#mayStart()) {
      this.driver.finish()
      return
    }
    const delayMs = toMs(this.profile.delayBetweenIterations ?? 0)
    const elapsedMs = this.driver.elapsedMs
    const leftMs = user.idleSinceMs === undefined ? 0 : user.idleSinceMs + delayMs - elapsedMs
    if (leftMs > CLOCK_TOLERANCE_MS) {
      user.timer = this.driver.clock.setTimeout(() => {
        user.timer = undefined
        user.idleSinceMs = undefined
        this.#continue(user)
      }, leftMs)
      return
    }
    user.isBusy = true
    const stage = this.plan.stageAt(elapsedMs)
    void this.driver.run({ vu: user.vu, ...(stage === undefined ? {} : { stage }) }).then(() => {
      user.isBusy = false
      user.idleSinceMs = this.driver.elapsedMs
      this.#continue(user)
    })
  }

  #mayStart(): boolean {
    const { iterationCount, activeIterations } = this.driver
    return iterationCount + activeIterations < (this.profile.iterations ?? Infinity)
  }

  #isOver(): boolean {
    return this.driver.elapsedMs + CLOCK_TOLERANCE_MS >= this.plan.endsAtMs
  }

  /** Ends the wait between two iterations, so that it is looked at again; when it began is kept. */
  #wake(user: VirtualUser): void {
    this.driver.clock.clearTimeout(user.timer)
    user.timer = undefined
  }
}
