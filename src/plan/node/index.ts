/** Plans in Node: job text with a linker that knows the disk, in an engine of its own or on a thread. See `docs/plans.md`. */
export { type NodeRunOptions, run, run as default } from './run-on-node.js'
export { type Isolation, type NodeEngineOptions, openNodeEngine } from './open-node-engine.js'
export type { SandboxOptions } from '../sandbox/open-job-engine.js'
