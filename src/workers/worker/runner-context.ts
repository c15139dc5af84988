import type { RunnerOptions } from '../runner/runner-options.js'
import type { RunnerContext, RunnerTelemetry } from '../runner/runner.js'
import type { WorkerLink } from './worker-link.js'

export interface RunnerContextOptions {
  readonly runnerId: string
  readonly link: WorkerLink
  readonly telemetry: RunnerTelemetry
  /** The options as they are now. */
  readonly current: () => RunnerOptions
}

export function createRunnerContext({
  runnerId,
  link,
  telemetry,
  current,
}: RunnerContextOptions): RunnerContext {
  return {
    runnerId,
    workerId: link.settings.workerId,
    telemetry,
    get options() {
      return current().options ?? {}
    },
    get executionProfile() {
      return current().executionProfile ?? {}
    },
    logger: link.logger((level, line, data) => link.send('log', { runnerId, level, message: line, data })),
    call: <Answer>(name: string, payload?: unknown, transfer?: readonly Transferable[]) =>
      link.call(runnerId, name, payload, transfer) as Promise<Answer>,
  }
}
