import type { BusEvent } from '../../core/bus-event.js'
import type { StorageOperation } from '../../storage/storage-driver.js'
import type { TimelinePosition } from '../../timeline/timeline-store.js'
import type { RunCheckpoint } from '../workflow-definition.js'
import type { InboxRecord } from '../waiting/inbox.js'

/** What is kept of a run that has not ended. */
export interface Contents {
  readonly checkpoint: RunCheckpoint
  readonly inboxes: readonly InboxRecord[]
  readonly timeline?: TimelinePosition | undefined
}

/** What is committed beside it. */
export interface Company {
  /** Events that leave with it. */
  readonly events: readonly BusEvent[]
  /** Writes of others that belong to the same moment: the timeline. */
  readonly beside: readonly StorageOperation[]
  /** Told, before anything else is committed, under which keys the events stand in the outbox. */
  readonly committed: (keys: readonly string[]) => void
  readonly refused: (error: unknown) => void
}

/** What is committed at a boundary. */
export interface Boundary extends Contents, Company {}

/** What is committed at the end. */
export interface Departure extends Company {
  /** Whether somebody is to be told of it. */
  readonly hasHooks: boolean
  /** How large its timeline is. */
  readonly timelineBytes: number
}
