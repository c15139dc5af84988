import { startEngineWorker } from './start-engine-worker.js'

/** The file that runs in a worker of the engine, of Node or of a browser. */
startEngineWorker()
