import type { JobEngine, JobEngineOptions } from '../job-engine.js'
import type { EngineLimits } from './engine-protocol.js'
import type { FindModule } from './module-linker.js'
import { findSpawner } from './spawn-engine-worker.js'
import { WorkerJobEngine } from './worker-job-engine.js'
import { WorkerPool } from './worker-pool.js'

export interface SandboxOptions extends JobEngineOptions {
  /** Workers at most, each with one job at a time; further jobs wait. @default the number of cores, from 2 to 4 */
  readonly maxWorkers?: number
  /** How long a worker without work is kept, in milliseconds. @default 30000 */
  readonly idleMs?: number
  /**
   * How long a job may compute, its waiting not counted, in milliseconds, whatever its timeout. @default 30000
   */
  readonly maxComputeMs?: number
  /**
   * Upper bound on the state that comes out of a job, in characters of its JSON text: parsing it is the one thing that
   * holds up the host, for about 50 ms at the default. @default 8388608
   */
  readonly maxResultLength?: number
  /**
   * Starts a Web Worker whose script calls `startEngineWorker()`, where the bundler of an application does not find that of
   * Busline by itself. Vite does.
   */
  readonly createWorker?: () => Worker
}

export function toLimits({
  maxMemoryBytes = 64 * 2 ** 20,
  maxStackBytes = 512 * 2 ** 10,
  maxComputeMs = 30_000,
  maxResultLength = 8 * 2 ** 20,
}: SandboxOptions): EngineLimits {
  return { maxMemoryBytes, maxStackBytes, maxComputeMs, maxSliceMs: Infinity, maxResultLength }
}

/**
 * Opens an engine for job text of strangers: JavaScript of its own (QuickJS, in WebAssembly) on workers, where nothing of
 * the host exists. In Node and in browsers.
 */
export async function openJobEngine(
  options: SandboxOptions = {},
  findModule?: FindModule,
): Promise<JobEngine> {
  const { idleMs = 30_000 } = options
  const spawn = findSpawner(options.createWorker) ?? (await import('./in-process-worker.js')).inProcessWorker
  const pool = new WorkerPool({
    spawn,
    limits: toLimits(options),
    maxWorkers: options.maxWorkers ?? defaultWorkers(),
    idleMs,
  })
  return new WorkerJobEngine({ pool, ...(findModule ? { findModule } : {}) })
}

/** Two at least, so that one job that runs wild does not hold up all the others. */
export function defaultWorkers(): number {
  const cores = (globalThis as { navigator?: { hardwareConcurrency?: number } }).navigator
    ?.hardwareConcurrency
  return Math.min(4, Math.max(2, cores ?? 2))
}
