/**
 * `busline/workers/web`: workers as Web Workers. `webHost` for the page, `serveWorker` for the script of a worker.
 * Guide: `docs/workers.md`.
 */
export { type WebHostOptions, webHost } from '../hosts/web-host.js'
export { defineRunner } from '../runner/runner.js'
export { transfer } from '../messages/transfer.js'
export type { WorkerScript } from '../worker/serve-port.js'
export { serveWorker } from './serve-worker.js'
