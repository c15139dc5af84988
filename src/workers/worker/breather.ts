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

/** How many iterations at most before others are let in, also where time stands still in a test. */
const MAX_ITERATIONS = 500

export function createBreather(): Breather {
  let count = 0
  let since = performance.now()
  let pending: Promise<void> | undefined
  const restart = () => {
    count = 0
    since = performance.now()
    pending = undefined
  }
  return {
    breathe() {
      if (pending) return pending
      // Asking for the time costs more than a short iteration does.
      if (++count % 16 !== 0) return undefined
      if (count < MAX_ITERATIONS && performance.now() - since < MAX_HOLD_MS) return undefined
      return (pending = macrotask().then(restart))
    },
  }
}

const immediate = (globalThis as { setImmediate?: (callback: () => void) => unknown }).setImmediate

/** Resolves in a later task of the event loop, without the delay that browsers add to nested timers. */
export function macrotask(): Promise<void> {
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
