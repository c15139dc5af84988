import type { BusEvent } from '../../core/bus-event.js'
import { type SystemError, isSystemError, serializeError } from '../../core/system-error.js'
import type { StateObject } from '../../state/change.js'
import type { StorageOperation } from '../../storage/storage-driver.js'
import type { RunRecording } from '../../timeline/run-recording.js'
import type { StoredTimelineStore } from '../../timeline/stored-timeline-store.js'
import type { RunInfo } from '../run-result.js'
import type { InboxRecord } from '../waiting/inbox.js'
import type { RunCheckpoint } from '../workflow-definition.js'
import type { RunJournal } from './run-journal.js'
import type { EndedRecord } from './run-record.js'

/** What is kept of a run, as it is now. */
export interface PersistentRun {
  readonly recording: RunRecording | undefined
  checkpoint(): RunCheckpoint
  inboxRecords(): readonly InboxRecord[]
  info(): RunInfo
}

/** Keeps a run in the store: each boundary, what comes in between for its next pause, and its end. */
export class RunPersistence {
  readonly #run: PersistentRun
  readonly #journal: RunJournal
  /** The store of timelines, where it is the same as that of the runs: then they share their commits. */
  readonly #timelines: StoredTimelineStore | undefined
  #touching: Promise<void> | undefined
  /** The state that was stored last, for an end that cannot store a newer one. */
  #stored: RunCheckpoint | undefined

  constructor(run: PersistentRun, journal: RunJournal, timelines: StoredTimelineStore | undefined) {
    this.#run = run
    this.#journal = journal
    this.#timelines = timelines
  }

  /** @param admission What makes the event known, or takes it out of the queue. */
  async create(admission: readonly StorageOperation[]): Promise<void> {
    const checkpoint = this.#run.checkpoint()
    await this.#journal.create(checkpoint, admission)
    this.#stored = checkpoint
  }

  /** The run has reached a boundary, at which events leave. Resolves to their keys in the outbox. */
  save(events: readonly BusEvent[]): Promise<readonly string[]> {
    return this.#withTimeline((beside) =>
      this.#journal.save(() => {
        this.#stored = this.#run.checkpoint()
        return { checkpoint: this.#stored, inboxes: this.#run.inboxRecords(), events, beside: beside() }
      }),
    )
  }

  /** Something came in between two boundaries. Many such changes share a commit. */
  touch(): Promise<void> {
    this.#touching ??= Promise.resolve().then(async () => {
      this.#touching = undefined
      await this.save([])
    })
    return this.#touching
  }

  /** The run has ended. */
  end(
    status: EndedRecord['status'],
    error: SystemError | undefined,
    events: readonly BusEvent[],
  ): Promise<readonly string[]> {
    const ended = this.#ended(status, error, this.#run.info().state)
    this.#run.recording?.setStatus(status === 'succeeded' ? 'complete' : status)
    return this.#withTimeline((beside) => this.#journal.end(ended, events, beside))
  }

  /** The run ends with an error because its present state cannot be stored: the last one that could is kept. */
  async fail(error: SystemError): Promise<void> {
    const ended = this.#ended('failed', error, this.#stored?.root.state ?? {})
    this.#run.recording?.setStatus('failed')
    await this.#withTimeline((beside) => this.#journal.end(ended, [], beside))
  }

  /** Events that were published leave the outbox with the next commit. */
  published(keys: readonly string[]): void {
    if (keys.length > 0) this.#journal.published(keys)
  }

  /** Empties the outbox of a run that has ended. */
  sweep(): Promise<void> {
    return this.#journal.sweep()
  }

  #ended(
    status: EndedRecord['status'],
    error: SystemError | undefined,
    state: StateObject,
  ): Omit<EndedRecord, 'layout' | 'revision'> {
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

  async #withTimeline<Value>(
    commit: (beside: () => readonly StorageOperation[]) => Promise<Value>,
  ): Promise<Value> {
    const { recording } = this.#run
    const timelines = this.#timelines
    if (!recording || !timelines) return commit(() => [])
    let isTaken = false
    const beside = () => {
      const batch = recording.take()
      isTaken = batch !== undefined
      return batch ? timelines.operations(batch) : []
    }
    try {
      const value = await commit(beside)
      if (isTaken) recording.settle('stored')
      return value
    } catch (error) {
      if (isTaken) recording.settle('refused', error)
      throw error
    }
  }
}

/** Whether an error says that what was to be stored never can be. */
export function isUnstorable(error: unknown): error is SystemError {
  return isSystemError(error) && (error.code === 'VALIDATION' || error.code === 'CAPACITY')
}
