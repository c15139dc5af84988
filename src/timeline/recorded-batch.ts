import type { EventLog } from './event-log.js'
import type { TimelineEvent } from './timeline-event.js'
import type { RunTimelineMeta, TimelineBatch, TimelineStatus } from './timeline-store.js'

/** A batch as a recording gives it: its events become objects when somebody reads them. */
export class RecordedBatch implements TimelineBatch {
  readonly meta: RunTimelineMeta
  readonly log: EventLog
  readonly previousStatus: TimelineStatus | undefined
  /** The log may grow; the batch does not. */
  readonly #last: number
  #events: readonly TimelineEvent[] | undefined

  constructor(meta: RunTimelineMeta, log: EventLog, previousStatus?: TimelineStatus) {
    this.meta = meta
    this.log = log
    this.previousStatus = previousStatus
    this.#last = log.first + log.length - 1
  }

  get events(): readonly TimelineEvent[] {
    return (this.#events ??= this.log.toEvents(this.log.first, this.#last))
  }
}
