import type { AnyEventBus } from '../bus/event-bus.js'
import type { Result } from '../core/result.js'
import type { RuntimeContext } from './runtime-context.js'

/** Whoever carries the commands out. */
export interface RunCommander {
  abort(runId: string, reason?: string): Promise<Result<unknown>>
  signal(runId: string, patch: Readonly<Record<string, unknown>>): Promise<Result<unknown>>
}

/**
 * Carries out the commands that come over the bus, `run:abort` and `run:signal`. They have nobody to answer to: what
 * refuses one is reported. Returns what ends it.
 */
export function obeyCommands(
  bus: AnyEventBus,
  commander: RunCommander,
  report: RuntimeContext['report'],
): () => void {
  const answer = (type: string, result: Result<unknown>) => {
    if (!result.ok) report(result.error, `Command ${type}`)
  }
  const unsubscribes = [
    bus.subscribe('run:abort', ({ payload }) => {
      const { runId, reason } = payload as { runId: string; reason?: string }
      void commander.abort(runId, reason).then((result) => answer('run:abort', result))
    }),
    bus.subscribe('run:signal', ({ payload }) => {
      const { runId, patch } = payload as { runId: string; patch: Record<string, unknown> }
      void commander.signal(runId, patch).then((result) => answer('run:signal', result))
    }),
  ]
  return () => {
    for (const unsubscribe of unsubscribes) unsubscribe()
  }
}
