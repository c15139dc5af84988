import type { LoadDriver } from './load-model.js'
import type { VuPlan } from './vu-plan.js'

export interface ShapePlanOptions {
  /** How often the function is asked. */
  readonly intervalMs: number
  /** More virtual users there never are, whatever it wants. */
  readonly maxVus: number
  readonly endsAtMs: number
}

/**
 * Virtual users as a function of the user wants them, who is asked again and again and sees what the load has come to.
 * It moves to the wanted number at the wanted rate, and ends the load by answering `null`.
 */
export function shapePlan(driver: LoadDriver, { intervalMs, maxVus, endsAtMs }: ShapePlanOptions): VuPlan {
  const shape = driver.shape!
  let askAtMs = 0
  let isOver = false
  /** The line on which the number moves: from here, by that much per millisecond, to there. */
  let line = { sinceMs: 0, from: 0, perMs: Infinity, to: 0 }

  const valueAt = (elapsedMs: number): number => {
    const { sinceMs, from, perMs, to } = line
    if (perMs === Infinity || from === to) return to
    const way = Math.min(Math.abs(to - from), (elapsedMs - sinceMs) * perMs)
    return from + Math.sign(to - from) * way
  }
  const ask = (elapsedMs: number): void => {
    const from = valueAt(elapsedMs)
    askAtMs = elapsedMs + intervalMs
    const { iterationCount, activeIterations } = driver
    const wanted = shape({ elapsedMs, iterationCount, activeIterations })
    if (wanted === null) {
      isOver = true
      return
    }
    const { target, rate = Infinity } = wanted
    const to = Math.min(maxVus, Math.max(0, Math.round(target) || 0))
    line = { sinceMs: elapsedMs, from, perMs: Math.max(0, rate) / 1000, to }
  }

  return {
    get endsAtMs() {
      return isOver ? 0 : endsAtMs
    },
    vusAt: (elapsedMs) => {
      if (elapsedMs >= askAtMs && !isOver) ask(elapsedMs)
      // Whoever is on the way is counted when it has arrived.
      const value = valueAt(elapsedMs)
      return line.to >= line.from ? Math.floor(value + 1e-9) : Math.ceil(value - 1e-9)
    },
    nextChangeAfter: (elapsedMs) => {
      const { sinceMs, from, perMs, to } = line
      const value = valueAt(elapsedMs)
      if (value === to || perMs === 0) return askAtMs
      const next = to > from ? Math.floor(value + 1e-9) + 1 : Math.ceil(value - 1e-9) - 1
      const stepMs = sinceMs + Math.abs(next - from) / perMs
      return Math.max(elapsedMs + 1, Math.min(askAtMs, stepMs))
    },
    stageAt: () => undefined,
  }
}
