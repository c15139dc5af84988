/**
 * The script of the threads of `busline worker run`: serves the runner of a module. What the module prints goes to the main
 * thread, where it does not tear the dashboard apart.
 */
import { workerData } from 'node:worker_threads'
import { serveWorker } from '../../workers/node/serve-worker.js'
import { captureConsole } from '../terminal/capture-console.js'
import { loadModule } from './load-module.js'
import { LOAD_RUNNER, type LoadThreadData } from './load-thread.js'

const { file, printChannel } = workerData as LoadThreadData
const channel = new BroadcastChannel(printChannel)
captureConsole((text) => channel.postMessage(text))
const { runner } = await loadModule(file)
serveWorker({ runners: { [LOAD_RUNNER]: runner } })
