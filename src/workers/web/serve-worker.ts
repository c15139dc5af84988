import { SystemError } from '../../core/system-error.js'
import type { WorkerScript } from '../worker/serve-port.js'
import { serveHandshake } from '../worker/serve-worker.js'
import type { WorkerPort } from '../worker/worker-port.js'

/** What a Web Worker's global scope has, of which the types of pages know nothing. */
interface WorkerScope {
  addEventListener(
    type: 'message',
    listener: (event: MessageEvent) => void,
    options?: { once: boolean },
  ): void
  addEventListener(type: 'unhandledrejection', listener: (event: PromiseRejectionEvent) => void): void
}

/**
 * Makes this Web Worker one that offers these runners and tasks. To be called once, by the script that `webHost` was
 * given.
 *
 * @throws {SystemError} `INVALID_COMMAND` in a page, `VALIDATION` when what is offered is malformed.
 */
export function serveWorker(script: WorkerScript): void {
  if (typeof document !== 'undefined') {
    throw new SystemError('INVALID_COMMAND', 'Cannot serve here: call serveWorker() in a Web Worker')
  }
  const scope = globalThis as unknown as WorkerScope
  serveHandshake(
    {
      onFirstMessage: (listener) =>
        scope.addEventListener('message', ({ data }) => listener(data), { once: true }),
      toPort: (port) => (port instanceof MessagePort ? toWorkerPort(port) : undefined),
      onServed(served) {
        scope.addEventListener('unhandledrejection', (event) => {
          event.preventDefault()
          served.reportFault(event.reason)
        })
      },
    },
    script,
  )
}

function toWorkerPort(port: MessagePort): WorkerPort {
  return {
    post: (message, transfer = []) => port.postMessage(message, [...transfer]),
    onMessage(listener) {
      port.addEventListener('message', ({ data }) => listener(data))
      port.start()
    },
    close: () => port.close(),
  }
}
