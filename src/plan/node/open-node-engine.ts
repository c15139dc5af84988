import type { JobEngine } from '../job-engine.js'
import type { FindModule } from '../sandbox/module-linker.js'
import { type SandboxOptions, defaultWorkers, openJobEngine, toLimits } from '../sandbox/open-job-engine.js'
import { WorkerJobEngine } from '../sandbox/worker-job-engine.js'
import { WorkerPool } from '../sandbox/worker-pool.js'
import { findOnDisk, importFromDisk } from './find-module.js'
import { spawnThreadWorker } from './spawn-thread-worker.js'

/**
 * Where job text is evaluated.
 *
 * - `engine`: in QuickJS, an engine of its own in WebAssembly, on a worker thread. Modules are imported by the
 *   application, and jobs see their data and functions, these as asynchronous ones. For text of strangers.
 * - `thread`: in a new context of `node:vm` on a worker thread, with real modules. As fast as Node, stopped when it takes too long, and no
 *   wall against whoever means harm: for text that is trusted.
 */
export type Isolation = 'engine' | 'thread'

export interface NodeEngineOptions extends Omit<SandboxOptions, 'createWorker'> {
  /** @default 'engine' */
  readonly isolation?: Isolation
}

/** Opens an engine whose linker knows the disk. Hand it to `run` as `engine`, and close it when it is not needed any more. */
export function openNodeEngine(options: NodeEngineOptions = {}): Promise<JobEngine> {
  const { isolation = 'engine', ...rest } = options
  return isolation === 'engine'
    ? openJobEngine(rest, importFromDisk)
    : Promise.resolve(openThreadEngine(rest))
}

const findInThread: FindModule = (specifier, linker) => findOnDisk(specifier, linker)

function openThreadEngine(options: SandboxOptions): JobEngine {
  const { maxWorkers = defaultWorkers(), idleMs = 30_000 } = options
  const limits = toLimits({ maxMemoryBytes: 256 * 2 ** 20, maxResultLength: 64 * 2 ** 20, ...options })
  // What is cut off goes on in the background of a thread, so the thread goes with it.
  const pool = new WorkerPool({ spawn: spawnThreadWorker, limits, maxWorkers, idleMs, endsCutOff: true })
  return new WorkerJobEngine({ pool, findModule: findInThread })
}
