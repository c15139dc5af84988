/** The same requests through `remoteExecutor`: chosen, counted, checked at both ends. */
import { WorkerServer, remoteExecutor } from '../../dist/remote/index.js'
import { StepControl } from '../step-control.mjs'
import { measure, startPeers, task } from './load.mjs'

const server = new WorkerServer()
await server.start()
const executor = remoteExecutor(server)
const peers = await startPeers('./busline-peers.mjs', server.port)
await measure(() => executor.execute(task, new StepControl()))
peers.kill()
process.exit()
