import type { Thresholds } from '../load/thresholds.js'
import type { ExecutionProfile } from './execution-profile.js'

/** What a runner is made of. Plain data: it travels to the worker and into the archive. */
export interface RunnerOptions {
  /** The name under which the worker's script knows the code: a key of `runners` of its `serveWorker`. */
  readonly testType: string
  /** @default {} which is one loop without end and without delay */
  readonly executionProfile?: ExecutionProfile
  /** Whatever the code of the runner wants to know: `ctx.options`. */
  readonly options?: Readonly<Record<string, unknown>>
  /** To find it in the archive by. */
  readonly tags?: readonly string[]
  /**
   * Bounds on its numbers, such as `{ responseTime: ['p(95)<500'], errors: ['rate<0.01'] }`: held against every batch of
   * telemetry, and at the end. One that is broken is told as `thresholdBreach`; how they stood is in the archive.
   */
  readonly thresholds?: Thresholds
}

/** What may change while a runner is alive. Merged deeply into its options; lists are replaced. */
export interface RunnerUpdate {
  readonly executionProfile?: Partial<ExecutionProfile>
  readonly options?: Readonly<Record<string, unknown>>
  readonly tags?: readonly string[]
}
