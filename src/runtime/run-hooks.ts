import type { BusEvent } from '../core/bus-event.js'
import type { ResumeCause } from '../pipeline/resume-cause.js'
import type { StateObject } from '../state/change.js'
import type { DispatchResult } from './receipts.js'
import type { RunResult } from './run-result.js'

/** What the hooks before a run, and before each of its legs, may see and change. */
export interface RunHookContext {
  readonly runId: string
  readonly workflowId: string
  readonly event: BusEvent
  readonly state: StateObject
  /** Merges a patch into the state, or applies a recipe to it. */
  setState(change: Readonly<Record<string, unknown>> | ((draft: never) => void)): void
  /** What ended the wait; absent in `onPrepare`. */
  readonly resume?: ResumeCause
}

/**
 * Called by the runtime, per registration. A hook that throws, rejects or does not settle within `hookTimeout` is
 * logged and reported as `bus:error`, and changes no outcome.
 */
export interface RunHooks {
  /** A receipt was given. */
  readonly onDispatch?: (result: DispatchResult) => void
  /** Before the first stage. */
  readonly onPrepare?: (context: RunHookContext) => void | Promise<void>
  /** At each resume, before the next stage. */
  readonly onResume?: (context: RunHookContext) => void | Promise<void>
  /** The moment the run has settled. */
  readonly onComplete?: (result: RunResult) => void | Promise<void>
  /** Last of all, when nothing of the run is left: the workflow may be deregistered here. */
  readonly onCleanup?: () => void | Promise<void>
}
