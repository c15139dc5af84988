import type { BusEvent } from '../../core/bus-event.js'
import { type SystemError, isSystemError, serializeError } from '../../core/system-error.js'
import type { StateObject } from '../../state/change.js'
import type { StorageOperation } from '../../storage/storage-driver.js'
import type { RunRecording } from '../../timeline/run-recording.js'
import { type TimelinePosition, positionOf } from '../../timeline/timeline-store.js'
import type { StoredTimelineStore } from '../../timeline/stored-timeline-store.js'
import type { RunBundle } from '../run-bundle.js'
import type { RunInfo } from '../run-result.js'
import type { InboxRecord } from '../waiting/inbox.js'
import type { RunCheckpoint } from '../workflow-definition.js'
import type { Company, Contents } from './boundary.js'
import type { RunJournal } from './run-journal.js'
import type { EndedRecord } from './run-record.js'

/** What is kept of a run, as it is now. */
export interface PersistentRun {
  readonly recording: RunRecording | undefined
  checkpoint(): RunCheckpoint
  inboxRecords(): readonly InboxRecord[]
  info(): RunInfo
  /** Whether what it holds is a place to go on from: not between being told to end and the boundary at which that begins. */
  readonly canGoOn: boolean
}

/** Events that leave at a boundary, and where they stand in the outbox once they were committed. */
interface Leaving {
  readonly events: readonly BusEvent[]
  keys: readonly string[]
}

/**
 * Keeps a run in the store: each boundary, what comes in between for its next pause, and its end.
 *
 * The run has moved on by the time its boundary is to be committed, so any commit that comes in between holds the boundary
 * as well, and takes the events that leave there with it. A run that is about to end is kept as it was before.
 */
export class RunPersistence {
  readonly #run: PersistentRun
  readonly #journal: RunJournal
  /** The store of timelines, where it is the same as that of the runs: then they share their commits. */
  readonly #timelines: StoredTimelineStore | undefined
  #touching: Promise<void> | undefined
  /** Of boundaries that are not committed yet. */
  #leaving: Leaving[] = []
  /** The state that was stored last, for an end that cannot store a newer one. */
  #stored: RunCheckpoint | undefined
  /** How far the timeline had come when it was stored last; kept also by a process that does not record. */
  #position: TimelinePosition | undefined

  constructor(
    run: PersistentRun,
    journal: RunJournal,
    timelines: StoredTimelineStore | undefined,
    position: TimelinePosition | undefined,
  ) {
    this.#run = run
    this.#journal = journal
    this.#timelines = timelines
    this.#position = position
  }

  /** @param admission What makes the event known, or takes it out of the queue. */
  create(admission: () => Promise<readonly StorageOperation[]>): Promise<void> {
    return this.#journal.create(admission, () => {
      const contents = this.#contents()
      this.#stored = contents.checkpoint
      return contents
    })
  }

  /** The run goes on as it stands in the store. */
  adopt(checkpoint: RunCheckpoint): void {
    this.#stored = checkpoint
  }

  /** The run fails before it began. */
  createFailed(admission: () => Promise<readonly StorageOperation[]>, error: SystemError): Promise<void> {
    return this.#journal.createEnded(admission, this.#ended('failed', error, {}))
  }

  /** The run has reached a boundary, at which events leave. Resolves to their keys in the outbox. */
  async save(events: readonly BusEvent[]): Promise<readonly string[]> {
    const leaving: Leaving = { events, keys: [] }
    if (events.length > 0) this.#leaving.push(leaving)
    await this.#save(() => true)
    return leaving.keys
  }

  /** Something came in between two boundaries. Many such changes share a commit. */
  touch(): Promise<void> {
    this.#touching ??= Promise.resolve().then(() => {
      this.#touching = undefined
      return this.#save(() => this.#run.canGoOn)
    })
    return this.#touching
  }

  /**
   * The run has ended.
   *
   * @param hasHooks Whether somebody is to be told of the end.
   */
  async end(
    status: EndedRecord['status'],
    error: SystemError | undefined,
    events: readonly BusEvent[],
    hasHooks: boolean,
  ): Promise<readonly string[]> {
    const ended = this.#ended(status, error, this.#run.info().state)
    this.#run.recording?.setStatus(status === 'succeeded' ? 'complete' : status)
    const leaving: Leaving = { events, keys: [] }
    this.#leaving.push(leaving)
    await this.#end(ended, hasHooks)
    return leaving.keys
  }

  /** The run ends with an error because its present state cannot be stored: the last one that could is kept. */
  async fail(error: SystemError, hasHooks: boolean): Promise<void> {
    this.#run.recording?.setStatus('failed')
    this.#leaving = []
    const ended = this.#ended('failed', error, this.#stored?.root.state ?? {})
    try {
      await this.#end(ended, hasHooks)
    } catch (fault) {
      if (!isUnstorable(fault)) throw fault
      // It is the timeline that cannot be stored, as well: its loss is counted, and fails nothing.
      await this.#journal.end(ended, () => ({ ...NOTHING, hasHooks, timelineBytes: 0 }))
    }
  }

  get epoch(): number {
    return this.#journal.epoch
  }

  /** The run goes on elsewhere, as what it is in the bundle. Nothing else is saved from here on. */
  release(bundle: RunBundle): Promise<void> {
    return this.#journal.release(bundle)
  }

  /** Events that were published leave the outbox with the next commit. */
  published(keys: readonly string[]): void {
    if (keys.length > 0) this.#journal.published(keys)
  }

  /** Everything is done about the end of the run. */
  settle(): Promise<void> {
    return this.#journal.settle()
  }

  #contents(): Contents {
    return {
      checkpoint: this.#run.checkpoint(),
      inboxes: this.#run.inboxRecords(),
      timeline: this.#position,
    }
  }

  /** @param isWanted Asked when it is the turn of this commit. */
  #save(isWanted: () => boolean): Promise<void> {
    return this.#journal.save(() => {
      if (!isWanted()) return undefined
      const { checkpoint, inboxes } = this.#contents()
      const { position, events, beside, committed, refused } = this.#company()
      return {
        checkpoint,
        inboxes,
        timeline: position,
        events,
        beside,
        committed: (keys) => {
          this.#stored = checkpoint
          committed(keys)
        },
        refused,
      }
    })
  }

  #end(ended: Omit<EndedRecord, 'layout' | 'revision' | 'epoch'>, hasHooks: boolean): Promise<void> {
    return this.#journal.end(ended, () => {
      const { position, events, beside, committed, refused } = this.#company()
      return { events, beside, committed, refused, hasHooks, timelineBytes: position?.bytes ?? 0 }
    })
  }

  /** What goes with the commit whose turn it is: events that leave, and what happened since for the timeline. */
  #company(): Company & { readonly position: TimelinePosition | undefined } {
    const leaving = this.#leaving.splice(0)
    const { recording } = this.#run
    const batch = this.#timelines && recording?.take()
    const writes = batch && this.#timelines.writes(batch)
    const position = writes ? positionOf(writes.meta) : this.#position
    return {
      position,
      events: leaving.flatMap(({ events }) => events),
      beside: writes ? writes.operations : [],
      committed: (keys) => {
        this.#position = position
        if (batch) recording!.settle('stored')
        let at = 0
        for (const each of leaving) each.keys = keys.slice(at, (at += each.events.length))
      },
      refused: (error) => {
        if (batch) recording!.settle('refused', error)
      },
    }
  }

  #ended(
    status: EndedRecord['status'],
    error: SystemError | undefined,
    state: StateObject,
  ): Omit<EndedRecord, 'layout' | 'revision' | 'epoch'> {
    const { runId, workflowId, triggerId, pipelineId, eventId, startedAt, key } = this.#run.info()
    return {
      runId,
      workflowId,
      triggerId,
      pipelineId,
      eventId,
      state,
      startedAt,
      status,
      endedAt: this.#journal.now(),
      ...(key === undefined ? {} : { key }),
      ...(error ? { error: serializeError(error) } : {}),
    }
  }
}

const NOTHING: Company = { events: [], beside: [], committed: () => {}, refused: () => {} }

/** Whether an error says that what was to be stored never can be. */
export function isUnstorable(error: unknown): error is SystemError {
  return isSystemError(error) && (error.code === 'VALIDATION' || error.code === 'CAPACITY')
}
