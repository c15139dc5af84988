import type { LogLevel } from '../../core/logger.js'
import type { SystemError } from '../../core/system-error.js'
import type { ThresholdResult } from '../load/thresholds.js'
import type { ArchiveEntry } from './archive-manager.js'
import type { StateChange } from '../runner/runner-state.js'
import type { TelemetrySnapshot } from '../telemetry/telemetry-snapshot.js'

/** A threshold of a runner that is broken. */
export interface ThresholdBreach extends ThresholdResult {
  readonly runnerId: string
  readonly workerId: string
  /** Epoch milliseconds. */
  readonly at: number
  /** Whether the runner is stopped for it. */
  readonly abortOnFail: boolean
}

/** What a manager tells. */
export interface WorkerManagerEvents {
  /** A runner went from one state to another, or carried out a command that leaves it where it is. */
  stateChange: StateChange
  /** The newest numbers of one runner. */
  telemetry: TelemetrySnapshot
  /** Batches of telemetry are missing; the counters of the next one make up for it, its samples do not. */
  telemetryGap: { readonly workerId: string; readonly missing: number }
  /** A threshold of a runner does not hold any more; told again only if it held meanwhile. */
  thresholdBreach: ThresholdBreach
  /** A runner has ended and is in the archive, unless that keeps none. */
  archived: ArchiveEntry
  /** A runner wrote to its logger. */
  log: {
    readonly runnerId: string
    readonly workerId: string
    readonly level: LogLevel
    readonly message: string
    readonly data?: unknown
  }
  /** A host is ready. */
  workerReady: { readonly workerId: string }
  /** Something failed in a host, without ending it; or before it ends. */
  workerError: { readonly workerId: string; readonly error: SystemError }
  /** A host is gone; `error` is absent when it was ended in order. */
  workerExit: { readonly workerId: string; readonly error?: SystemError }
  /** A new host has taken the place of one that was lost. */
  workerRestart: { readonly workerId: string; readonly replaces: string; readonly attempt: number }
  /** Hosts were lost too often: no further restart. */
  giveUp: { readonly workerId: string; readonly error: SystemError }
}

/** What a runner's handle tells. */
export type RunnerEvents = Pick<
  WorkerManagerEvents,
  'stateChange' | 'telemetry' | 'thresholdBreach' | 'archived' | 'log'
>
