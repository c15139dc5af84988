import type { SerializedError } from '../core/system-error.js'
import type { DispatchOutcome } from './receipts.js'
import type { RunStatus } from './run-result.js'

/** What every event about a run carries. */
export interface RunEventPayload {
  readonly runId: string
  readonly workflowId: string
  readonly triggerId: string
  readonly status: RunStatus
  readonly error?: SerializedError
}

declare module '../bus/system-events.js' {
  interface SystemEvents {
    /** A run began. */
    'run:started': RunEventPayload
    /** A run waits. */
    'run:paused': RunEventPayload
    /** A run that waited goes on. */
    'run:resumed': RunEventPayload
    /** A run has succeeded. */
    'run:completed': RunEventPayload
    /** A run has failed; `error` says why. */
    'run:failed': RunEventPayload
    /** A run was aborted; `error` says why. */
    'run:aborted': RunEventPayload
    /** An event came to nothing: it was dropped, rejected or superseded. `runId` is the id its run would have had. */
    'run:dropped': Omit<RunEventPayload, 'status' | 'error'> & {
      readonly outcome: DispatchOutcome
      readonly eventId: string
      readonly reason?: string
    }
    /** Command: ends a run. */
    'run:abort': { readonly runId: string; readonly reason?: string }
    /** Command: writes into the state of a live run. */
    'run:signal': { readonly runId: string; readonly patch: Readonly<Record<string, unknown>> }
  }
}
