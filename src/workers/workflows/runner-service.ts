import type { ServiceDefinition } from '../../container/service-templates.js'
import type { ArchiveEntry } from '../manager/archive-manager.js'
import type { RunnerHandle } from '../manager/runner-handle.js'
import type { RunnerOptions } from '../runner/runner-options.js'
import type { WorkerManager } from '../manager/worker-manager.js'

/** What a step gets with `deps.require('runners')`. */
export interface RunnerService {
  readonly manager: WorkerManager
  /** Makes a runner where placement wants it; it waits for its `start`. */
  add(options: RunnerOptions): Promise<RunnerHandle>
  /**
   * Makes a runner, starts it and waits for its end, whichever it is. When `signal` fires (give it `ctx.signal`) the
   * runner is terminated.
   */
  run(options: RunnerOptions, control?: { readonly signal?: AbortSignal }): Promise<ArchiveEntry>
}

/** The runners of a manager as a service: `services: { runners: runnerService(manager) }`. The manager stays open. */
export function runnerService(manager: WorkerManager): ServiceDefinition<RunnerService> {
  const service: RunnerService = {
    manager,
    add: (options) => manager.addRunner(options),
    async run(options, { signal } = {}) {
      signal?.throwIfAborted()
      const runner = await manager.addRunner(options)
      const terminate = () => void runner.terminate().catch(() => {})
      signal?.addEventListener('abort', terminate, { once: true })
      try {
        if (signal?.aborted) terminate()
        else await runner.start().catch(ignoreIfEnded(runner))
        return await runner.ended()
      } finally {
        signal?.removeEventListener('abort', terminate)
      }
    },
  }
  return { factory: () => Promise.resolve(service) }
}

/** A runner that failed in its first moments is told of by its entry; one that still lives was refused. */
function ignoreIfEnded(runner: RunnerHandle): (error: unknown) => void {
  return (error) => {
    if (['error', 'terminated'].includes(runner.state)) return
    void runner.terminate().catch(() => {})
    throw error
  }
}
