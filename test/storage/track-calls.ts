import type { StorageDriver } from '../../src/storage/storage-driver.js'
import type { SimulatedClock } from '../../src/testing/index.js'

/** Tasks in a row in which nothing was asked of the store: whoever was answered had the time to ask again. */
const QUIET_TASKS = 3

/**
 * Lets a simulated clock stand still for as long as a store that really takes time is at work: `settle` resolves when
 * nothing is being asked of it, and nothing more comes of the answers.
 */
export function trackCalls(driver: StorageDriver) {
  let pending = 0
  const track = async <T>(call: Promise<T>): Promise<T> => {
    pending++
    try {
      return await call
    } finally {
      pending--
    }
  }
  const storage: StorageDriver = {
    name: driver.name,
    isDurable: driver.isDurable,
    get: (key) => track(driver.get(key)),
    scan: (options) => track(driver.scan(options)),
    commit: (operations) => track(driver.commit(operations)),
    close: () => driver.close(),
    [Symbol.asyncDispose]: () => driver.close(),
  }
  const settle = async (clock: SimulatedClock, isOver = () => false): Promise<void> => {
    for (let quiet = 0; quiet < QUIET_TASKS && !isOver(); quiet = pending === 0 ? quiet + 1 : 0) {
      await nextTask()
      await clock.settle()
    }
  }
  return { storage, settle }
}

/** Where there is no `setImmediate`, as in browsers, by a message. */
function nextTask(): Promise<void> {
  if (typeof setImmediate === 'function') return new Promise((resolve) => setImmediate(resolve))
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => {
      port1.close()
      resolve()
    }
    port2.postMessage(undefined)
  })
}
