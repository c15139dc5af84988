import type { OperationEvent } from './job-engine.js'
import type { PlanErrorData, RTError } from './plan-error.js'

/** A job begins: its configuration and state are about to be put together. */
export const NOTIFY_INIT_START = 'init-start'
/** Configuration and state of a job are there. */
export const NOTIFY_INIT_COMPLETE = 'init-complete'
/** The operations of a job begin. */
export const NOTIFY_JOB_START = 'job-start'
/** A job has ended well. */
export const NOTIFY_JOB_COMPLETE = 'job-complete'
/** A job has failed or crashed. */
export const NOTIFY_JOB_ERROR = 'job-error'
/** The state that was named by its id is there. */
export const NOTIFY_STATE_LOAD = 'load-state'

/** The payload of each notification. `duration` is in milliseconds; states are frozen. */
export interface Notifications {
  readonly [NOTIFY_INIT_START]: { readonly jobId: string }
  readonly [NOTIFY_INIT_COMPLETE]: { readonly jobId: string; readonly duration: number }
  readonly [NOTIFY_JOB_START]: { readonly jobId: string }
  readonly [NOTIFY_JOB_COMPLETE]: {
    readonly jobId: string
    readonly duration: number
    readonly state: unknown
    /** The steps that come next. */
    readonly next: readonly string[]
    readonly mem: MemoryFigures
  }
  readonly [NOTIFY_JOB_ERROR]: {
    readonly jobId: string
    readonly duration: number
    readonly error: RTError
    readonly state: unknown
    readonly next: readonly string[]
  }
  readonly [NOTIFY_STATE_LOAD]: { readonly jobId: string; readonly duration: number }
}

/** Memory of the whole process, in bytes; 0 where the host does not tell. */
export interface MemoryFigures {
  /** Heap in use. */
  readonly job: number
  /** Resident set. */
  readonly system: number
  /** The highest heap that was seen while the job ran, with `profile`. */
  readonly peak?: number
}

export type Notify = <Name extends keyof Notifications>(name: Name, payload: Notifications[Name]) => unknown

/** Which execution of which step. */
interface OfStep {
  readonly stepId: string
  /** Tells executions of one step in one run apart: the number of the arrival, from 1. */
  readonly arrival: number
}

/**
 * Everything that happens in a run, for whoever watches: the job's notifications with the execution they belong to, and
 * what no notification tells, such as the outcome of conditions.
 */
export type PlanEvent =
  | { readonly type: 'workflow:started'; readonly planId: string }
  | { readonly type: 'workflow:completed'; readonly planId: string; readonly durationMs: number }
  | {
      readonly type: 'workflow:failed'
      readonly planId: string
      readonly durationMs: number
      readonly error: unknown
    }
  | ({ readonly type: 'job:started'; readonly attempt: number } & OfStep)
  | ({ readonly type: 'job:retried'; readonly attempt: number; readonly error: PlanErrorData } & OfStep)
  | ({
      readonly type: 'job:completed'
      readonly durationMs: number
      readonly next: readonly string[]
    } & OfStep)
  | ({
      readonly type: 'job:failed'
      readonly durationMs: number
      readonly error: PlanErrorData
      readonly next: readonly string[]
    } & OfStep)
  | ({ readonly type: 'operation:started' | 'operation:completed' | 'operation:failed' } & OfStep &
      Omit<OperationEvent, 'phase'> & { readonly durationMs?: number })
  | ({
      readonly type: 'edge:evaluated'
      readonly to: string
      readonly label?: string
      readonly holds: boolean
      /** Why it has no value. */
      readonly error?: string
    } & OfStep)

/** What a run writes on its own behalf; each method may be missing. */
export interface PlanLogger {
  readonly debug?: (...values: unknown[]) => void
  readonly info?: (...values: unknown[]) => void
  readonly success?: (...values: unknown[]) => void
  readonly warn?: (...values: unknown[]) => void
  readonly error?: (...values: unknown[]) => void
}
