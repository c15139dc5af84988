import type { Clock } from '../../core/clock.js'
import { preciseClock } from './precise-clock.js'

/**
 * Lets messages in between iterations. A loop whose iterations do not wait would otherwise run in microtasks alone, and
 * no command would ever reach the worker.
 */
export interface Breather {
  /** Nothing most of the time; now and then a promise to wait for before the next iteration. */
  breathe(): Promise<void> | undefined
}

/** How long iterations may keep the thread to themselves. */
const MAX_HOLD_MS = 5

/** How many iterations at most before others are let in. */
const MAX_ITERATIONS = 500

/** @param clock Where it stands still, as in tests, only the number of iterations at one instant counts. */
export function createBreather(clock: Clock): Breather {
  const isReal = clock === preciseClock
  let count = 0
  let since = clock.now()
  let pending: Promise<void> | undefined
  const restart = () => {
    count = 0
    since = clock.now()
    pending = undefined
  }
  const isDue = () => {
    const held = clock.now() - since
    if (isReal) return count >= MAX_ITERATIONS || held >= MAX_HOLD_MS
    if (held !== 0) restart()
    return count >= MAX_ITERATIONS
  }
  return {
    breathe() {
      if (pending) return pending
      // Asking for the time costs more than a short iteration does.
      if (++count % 16 !== 0 || !isDue()) return undefined
      return (pending = macrotask().then(restart))
    },
  }
}

const immediate = (globalThis as { setImmediate?: (callback: () => void) => unknown }).setImmediate

/** Resolves in a later task of the event loop, without the delay that browsers add to nested timers. */
function macrotask(): Promise<void> {
  return new Promise((resolve) => {
    if (immediate) {
      immediate(resolve)
      return
    }
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => {
      port1.close()
      resolve()
    }
    port2.postMessage(undefined)
  })
}
