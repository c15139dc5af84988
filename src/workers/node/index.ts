/**
 * `busline/workers/node`: workers on threads of Node. `nodeHost` for the manager, `serveWorker` for the script of a
 * thread. Guide: `docs/workers.md`.
 */
export { type NodeHostOptions, nodeHost } from '../hosts/node-host.js'
export { defineRunner } from '../runner/runner.js'
export { transfer } from '../messages/transfer.js'
export type { WorkerScript } from '../worker/serve-port.js'
export { serveWorker } from './serve-worker.js'
