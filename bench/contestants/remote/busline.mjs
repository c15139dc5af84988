/** The same requests through `remoteExecutor`: chosen, counted, checked at both ends. */
import { WorkerServer, remoteExecutor } from '../../dist/remote/index.js'
import { WINDOW, measure, startPeers, task } from './load.mjs'

const server = new WorkerServer()
await server.start()
const executor = remoteExecutor(server)
const peers = await startPeers('./busline-peers.mjs', server.port)
// As in a run: a step has a signal of its own, and the run listens to it as well.
const controls = Array.from({ length: WINDOW }, () => {
  const { signal } = new AbortController()
  signal.addEventListener('abort', () => {})
  return { signal, logger: console, progress: () => {} }
})
await measure((lane) => executor.execute(task, controls[lane]))
peers.kill()
process.exit()
