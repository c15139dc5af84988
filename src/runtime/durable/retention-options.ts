import type { Duration } from '../../core/duration.js'

/**
 * How much of what has ended stays in a durable store. What exceeds any of the limits goes, the run that ended first
 * first, with its timeline. Runs that have not ended are never touched.
 */
export interface RetentionOptions {
  /** Removes runs that ended longer ago than this. @default they stay, however old */
  readonly olderThan?: Duration
  /** Removes those that ended first, beyond so many. At least 0. @default no limit */
  readonly maxRuns?: number
  /** Removes those that ended first, beyond so many bytes of final states and timelines, estimated. At least 0. @default no limit */
  readonly maxBytes?: number
  /**
   * How long the id of an event is known after the event was accepted, though nothing else be left of its run: that long
   * the same event again is a `duplicate`. Longer than whoever sends events goes on repeating them. As long as a run
   * is there, so is the id of its event. @default '7d'
   */
  readonly rememberIds?: Duration
}

/** What a prune removed. */
export interface PruneReport {
  readonly runs: number
  /** Ids of events, which are accepted as new from here on. */
  readonly ids: number
  /** Of the runs, estimated. */
  readonly bytes: number
}
