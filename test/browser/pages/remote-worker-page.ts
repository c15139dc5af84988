import { RemoteWorker } from 'busline/remote/client'

/** A worker in a page: `?url=` says where it dials in. What it did stands in `window.done`, by idempotency key. */
declare global {
  interface Window {
    worker: RemoteWorker
    done: string[]
    states: string[]
    /** Lets the tasks named `wait` end. */
    openGate: () => void
    /** How many of them have begun. */
    begun: number
  }
}

window.done = []
window.states = []
window.begun = 0
const gate = new Promise<void>((resolve) => (window.openGate = resolve))
window.worker = new RemoteWorker({
  url: new URLSearchParams(location.search).get('url')!,
  workerId: 'page',
  token: 'secret',
  reconnect: { minDelayMs: 20, maxDelayMs: 200 },
  logger: { debug() {}, info() {}, warn() {}, error() {} },
  tasks: {
    shout: (text: string, { idempotencyKey, progress }) => {
      window.done.push(idempotencyKey)
      progress(0.5, 'half way')
      return text.toUpperCase()
    },
    wait: async (_input: unknown, { idempotencyKey }) => {
      window.begun++
      await gate
      window.done.push(idempotencyKey)
      return 'waited'
    },
    endless: (_input: unknown, { signal }) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          window.done.push('aborted')
          reject(signal.reason as Error)
        })
      }),
    agent: () => navigator.userAgent,
  },
})
window.worker.onState((state) => window.states.push(state))
await window.worker.start()
document.title = 'ready'
