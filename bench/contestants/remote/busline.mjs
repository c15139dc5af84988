/** The same requests through `remoteExecutor`: chosen, counted, checked at both ends. */
import { WorkerServer, remoteExecutor } from '../../dist/remote/index.js'
import { measure, startPeers, task } from './load.mjs'

const logger = { debug() {}, info() {}, warn() {}, error() {} }

/** What the engine hands over with each attempt of a step: its end can be heard, and a signal is made for who asks for one. */
class Control {
  logger = logger
  #controller
  #abortListeners
  get signal() {
    return (this.#controller ??= new AbortController()).signal
  }
  get onAbort() {
    return (listener) => void (this.#abortListeners ??= []).push(listener)
  }
  progress() {}
}

const server = new WorkerServer()
await server.start()
const executor = remoteExecutor(server)
const peers = await startPeers('./busline-peers.mjs', server.port)
await measure(() => executor.execute(task, new Control()))
peers.kill()
process.exit()
