import { SystemError } from '../../core/system-error.js'
import type { JobEngine, JobEngineOptions } from '../job-engine.js'

/** Opens the engine that runs job text everywhere: QuickJS in WebAssembly. */
export function openJobEngine(options: JobEngineOptions): Promise<JobEngine> {
  return Promise.reject(
    new SystemError('UNAVAILABLE', 'Cannot run job text: its engine is not built yet', {
      context: { ...options },
    }),
  )
}
