/** The same requests through `remoteExecutor`: chosen, counted, checked at both ends. */
import { WorkerServer, remoteExecutor } from '../../dist/remote/index.js'
import { WINDOW, measure, startPeers, task } from './load.mjs'

const server = new WorkerServer()
await server.start()
const executor = remoteExecutor(server)
const peers = await startPeers('./busline-peers.mjs', server.port)
// As in a run: a step has a signal of its own.
const controls = Array.from({ length: WINDOW }, () => ({
  signal: new AbortController().signal,
  logger: console,
  progress: () => {},
}))
await measure((lane) => executor.execute(task, controls[lane]))
peers.kill()
process.exit()
