import { MessagePort, type TransferListItem, parentPort } from 'node:worker_threads'
import { SystemError } from '../../core/system-error.js'
import type { WorkerScript } from '../worker/serve-port.js'
import { serveHandshake } from '../worker/serve-worker.js'
import type { WorkerPort } from '../worker/worker-port.js'
import { stayAwake } from './stay-awake.js'

/**
 * Makes this thread a worker that offers these runners and tasks. To be called once, by the script that `nodeHost` was
 * given.
 *
 * @throws {SystemError} `INVALID_COMMAND` outside a worker thread, `VALIDATION` when what is offered is malformed.
 */
export function serveWorker(script: WorkerScript): void {
  const parent = parentPort
  if (!parent) {
    throw new SystemError('INVALID_COMMAND', 'Cannot serve here: call serveWorker() in a worker thread')
  }
  serveHandshake(
    {
      onFirstMessage: (listener) => parent.once('message', listener),
      toPort: (port) => (port instanceof MessagePort ? toWorkerPort(port) : undefined),
      onServed(served) {
        // Told, and not fatal: it belongs to one of many runners, and nobody knows to which.
        process.on('unhandledRejection', (reason) => served.reportFault(reason))
      },
    },
    script,
  )
}

function toWorkerPort(port: MessagePort): WorkerPort {
  return {
    post: (message, transfer = []) => port.postMessage(message, transfer as readonly TransferListItem[]),
    onMessage: (listener) => port.on('message', stayAwake(listener)),
    close: () => port.close(),
  }
}
