/** The engine that plans run job text of strangers in, by itself. See `docs/plans.md`. */
export { type SandboxOptions, openJobEngine } from './open-job-engine.js'
export { startEngineWorker } from './start-engine-worker.js'
