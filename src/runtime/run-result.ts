import type { BusEvent } from '../core/bus-event.js'
import type { SystemError } from '../core/system-error.js'
import type { StateObject } from '../state/change.js'
import type { RunCheckpoint } from './workflow-definition.js'

/** Which run it was, and how long it took. */
export interface RunMetadata {
  readonly runId: string
  readonly workflowId: string
  readonly triggerId: string
  readonly pipelineId: string
  /** From the start of the run to its end, or to now while it sleeps; milliseconds. */
  readonly durationMs: number
}

/** What `invoke` and `resume` come to: a run that succeeded or sleeps, or why it did not. A bad call is one too. */
export type RunResult<State extends object = StateObject> =
  | {
      readonly ok: true
      readonly value: {
        readonly status: 'succeeded' | 'paused'
        readonly state: State
        /** From which the run continues; of a paused run only. */
        readonly checkpoint?: RunCheckpoint
      }
      readonly metadata: RunMetadata
    }
  | {
      readonly ok: false
      readonly error: SystemError
      readonly metadata: RunMetadata & { readonly status: 'failed' | 'aborted' }
    }

export type RunStatus = 'queued' | 'running' | 'paused' | 'succeeded' | 'failed' | 'aborted'

/** A run as it is now. A snapshot: ask again for later. */
export interface RunInfo {
  readonly runId: string
  readonly workflowId: string
  readonly triggerId: string
  readonly pipelineId: string
  readonly status: RunStatus
  readonly key?: string
  /** The stage that is under way or comes next; absent at the end. */
  readonly stageId?: string
  readonly state: StateObject
  /** When it began, or began to wait for its turn; epoch milliseconds. */
  readonly startedAt: number
  readonly endedAt?: number
  readonly error?: SystemError
  readonly eventId: string
  /** The event that started it; of a run that ended in another process it is not kept. */
  readonly event?: BusEvent
}
