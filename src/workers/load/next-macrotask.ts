/** What Node has for this, cheaper than a channel and without a handle of its own. */
const { setImmediate } = globalThis as { setImmediate?: (callback: () => void) => unknown }

/**
 * Lets messages and timers of this thread have their turn, without the millisecond that a timer takes: a loop of
 * iterations that are done at once would hear of no command otherwise.
 */
export function nextMacrotask(callback: () => void): void {
  if (setImmediate) {
    setImmediate(callback)
    return
  }
  const { port1, port2 } = new MessageChannel()
  port1.onmessage = () => {
    port1.close()
    callback()
  }
  port2.postMessage(undefined)
}
