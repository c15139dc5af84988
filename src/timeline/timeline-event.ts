import type { Patch } from 'immer'
import type { LogLevel } from '../core/logger.js'

/** Who put an event on the timeline: the engine, the state, a container of services, or a logger. */
export type TimelineSource = 'pipeline' | 'store' | 'container' | 'logger'

/** What can happen in a run. Facts in the past, except where a thing begins. */
export type TimelineEventType =
  | `pipeline:${'start' | 'success' | 'failure' | 'pause' | 'resume' | 'abort'}`
  | `stage:${'start' | 'success' | 'failure'}`
  | `step:${'start' | 'success' | 'retry' | 'failure' | 'progress'}`
  | 'router:evaluated'
  | `subpipeline:${'fork' | 'join'}`
  /** Carries the `delta` that led to the new state. */
  | 'state:commit'
  /** Somebody wrote into the run from outside. */
  | 'state:signal'
  | `service:${string}`
  | `log:${LogLevel}`
  | `watch:${'registered' | 'buffered' | 'matched' | 'timeout'}`

/** The state of a run, as far as a timeline is concerned: an object that is deeply frozen. */
export type TimelineState = Readonly<Record<string, unknown>>

/** One entry in the ordered record of a run. Plain data, frozen. */
export interface TimelineEvent {
  readonly runId: string
  /** Counts from 1 without gaps, per run. */
  readonly seq: number
  /** Epoch milliseconds, as the run's clock had it: it may stand still or go back, `seq` never does. */
  readonly timestamp: number
  readonly source: TimelineSource
  readonly type: TimelineEventType
  /** What happened, in plain data of bounded size. */
  readonly payload: Readonly<Record<string, unknown>>
  /** The patches (of immer) that led from the state before this event to the state after it. */
  readonly delta?: readonly Patch[]
  /** The whole state after this event; present every `snapshotInterval` events, and after a loss. */
  readonly snapshot?: TimelineState
}
