import type { ShapeTarget } from '../runner/runner.js'
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
 * It moves to the wanted number at the wanted rate, and ends the load by answering `null`. It is asked on a timer, where what
 * it throws would take the whole worker down: that, and an answer of another form, fails its runner alone.
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
    try {
      const wanted = checkTarget(shape({ elapsedMs, iterationCount, activeIterations }))
      if (wanted) {
        const { target, rate = Infinity } = wanted
        const to = Math.min(maxVus, Math.round(target))
        line = { sinceMs: elapsedMs, from, perMs: rate / 1000, to }
      } else isOver = true
    } catch (error) {
      isOver = true
      driver.fail('The function shape', error)
    }
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

function checkTarget(answer: unknown): ShapeTarget | null {
  if (answer === null) return null
  const { target, rate = Infinity } = (answer ?? {}) as Readonly<Record<string, unknown>>
  const isAmount = (value: unknown) => typeof value === 'number' && value >= 0
  if (!isAmount(target) || !isAmount(rate)) {
    throw new TypeError('It must answer null, or { target, rate } with numbers from 0, and not a promise')
  }
  return answer as ShapeTarget
}
