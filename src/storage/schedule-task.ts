/** The next task: later than all promises of those who were just acknowledged, sooner than any timer. */
export function scheduleTask(start: () => void): void {
  const { port1, port2 } = new MessageChannel()
  port1.onmessage = () => {
    port1.close()
    start()
  }
  port2.postMessage(undefined)
}
