import { parentPort } from 'node:worker_threads'
import type { EngineLimits, ToWorker } from '../sandbox/engine-protocol.js'
import { ThreadRunner } from './thread-runner.js'

/** The file that runs in a worker of the thread engine. The first message it gets are its limits. */
const port = parentPort!
let runner: ThreadRunner | undefined
port.on('message', (message: EngineLimits | ToWorker) => {
  if (runner) {
    runner.receive(message as ToWorker)
    return
  }
  runner = new ThreadRunner(message as EngineLimits, (reply) => port.postMessage(reply))
  port.postMessage({ type: 'ready' })
})
