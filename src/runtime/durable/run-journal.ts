import type { BusEvent } from '../../core/bus-event.js'
import { SystemError, isSystemError } from '../../core/system-error.js'
import type { StorageOperation } from '../../storage/storage-driver.js'
import type { RunCheckpoint } from '../workflow-definition.js'
import { type PatientCommitOptions, commitPatiently } from './patient-commit.js'
import { recordKeys } from './record-keys.js'
import type { InboxRecord } from '../waiting/inbox.js'
import { type EndedRecord, RUN_LAYOUT, type RunRecord } from './run-record.js'
import type { StoreRegistry } from './store-registry.js'

export interface JournalOptions extends PatientCommitOptions {
  readonly registry: StoreRegistry
  readonly workflowId: string
  readonly runId: string
  readonly ownerId: string
  /** The epoch under which this owner may commit. */
  readonly epoch: number
  /** The commits of the run so far. */
  readonly revision: number
}

/** What is committed at a boundary. */
export interface Boundary {
  readonly checkpoint: RunCheckpoint
  readonly inboxes: readonly InboxRecord[]
  /** Events that leave with it. */
  readonly events: readonly BusEvent[]
  /** Writes of others that belong to the same moment: the timeline. */
  readonly beside: readonly StorageOperation[]
}

/**
 * The commits of one run, one after the other. Each holds only under the epoch of this owner: who was taken over gets
 * `FENCED` and has written nothing.
 *
 * An event that leaves is in the outbox until it was published, and deleted with the next commit; so it is published at
 * least once, under its first id.
 */
export class RunJournal {
  readonly #options: JournalOptions
  #revision: number
  /** Keys of events that were published, and can be deleted. */
  #sent: string[] = []
  #last: Promise<unknown> = Promise.resolve()

  constructor(options: JournalOptions) {
    this.#options = options
    this.#revision = options.revision
  }

  now(): number {
    return this.#options.clock.now()
  }

  get epoch(): number {
    return this.#options.epoch
  }

  /** The run begins: its record, its claim, and what makes its event known, or takes it out of the queue. */
  create(checkpoint: RunCheckpoint, admission: readonly StorageOperation[]): Promise<void> {
    const { registry, workflowId, runId, ownerId } = this.#options
    const key = recordKeys.claim(runId)
    return this.#inTurn(async () => {
      const operations: StorageOperation[] = [
        ...admission,
        { type: 'expect', key, field: 'epoch', equals: undefined },
        { type: 'put', key, value: { epoch: this.epoch, owner: ownerId } },
        this.#put(checkpoint, [], 1),
      ]
      await commitPatiently(
        operations,
        async () => (await registry.run(workflowId, runId)) !== undefined,
        this.#options,
      )
      this.#revision = 1
    })
  }

  /**
   * @param read Called when it is this commit's turn, so that it holds the latest.
   * @returns the keys under which the events stand in the outbox
   */
  save(read: () => Boundary): Promise<readonly string[]> {
    return this.#inTurn(async () => {
      const { checkpoint, inboxes, events, beside } = read()
      const revision = this.#revision + 1
      const outbox = this.#toOutbox(events, revision)
      await this.#commit(revision, [this.#put(checkpoint, inboxes, revision), ...outbox, ...beside])
      return outbox.map(({ key }) => key)
    })
  }

  /** The run has ended: its record gives way to what is left of it, and its claim to nobody. */
  end(
    ended: Omit<EndedRecord, 'layout' | 'revision'>,
    events: readonly BusEvent[],
    beside: () => readonly StorageOperation[],
  ): Promise<readonly string[]> {
    const { workflowId, runId } = this.#options
    return this.#inTurn(async () => {
      const revision = this.#revision + 1
      const value: EndedRecord = { layout: RUN_LAYOUT, revision, ...ended }
      const outbox = this.#toOutbox(events, revision)
      await this.#commit(revision, [
        { type: 'delete', key: recordKeys.run(workflowId, runId) },
        { type: 'delete', key: recordKeys.claim(runId) },
        { type: 'put', key: recordKeys.ended(workflowId, runId), value },
        ...outbox,
        ...beside(),
      ])
      return outbox.map(({ key }) => key)
    })
  }

  /** Events that were published leave the outbox with the next commit. */
  published(keys: readonly string[]): void {
    this.#sent.push(...keys)
  }

  /** Deletes from the outbox what was published; needed only after the last commit. */
  sweep(): Promise<void> {
    return this.#inTurn(async () => {
      const operations = this.#deleteSent()
      if (operations.length > 0)
        await commitPatiently(operations, () => Promise.resolve(false), this.#options)
    })
  }

  #inTurn<Value>(act: () => Promise<Value>): Promise<Value> {
    const turn = this.#last.then(act)
    this.#last = turn.catch(() => {})
    return turn
  }

  async #commit(revision: number, operations: readonly StorageOperation[]): Promise<void> {
    const { registry, workflowId, runId } = this.#options
    const key = recordKeys.claim(runId)
    const sent = this.#sent.length
    try {
      await commitPatiently(
        [{ type: 'expect', key, field: 'epoch', equals: this.epoch }, ...operations, ...this.#deleteSent()],
        async () => {
          const stored = (await registry.run(workflowId, runId)) ?? (await registry.ended(workflowId, runId))
          const claim = await registry.claim(runId)
          return stored?.revision === revision && (claim === undefined || claim.epoch === this.epoch)
        },
        this.#options,
      )
    } catch (error) {
      if (isSystemError(error) && error.code === 'CONFLICT') throw fenced(runId, this.epoch, error)
      throw error
    }
    this.#revision = revision
    this.#sent.splice(0, sent)
  }

  #put(checkpoint: RunCheckpoint, inboxes: readonly InboxRecord[], revision: number): StorageOperation {
    const { workflowId, runId, clock } = this.#options
    const value: RunRecord = { layout: RUN_LAYOUT, revision, savedAt: clock.now(), checkpoint, inboxes }
    return { type: 'put', key: recordKeys.run(workflowId, runId), value }
  }

  #toOutbox(
    events: readonly BusEvent[],
    revision: number,
  ): readonly (StorageOperation & { readonly key: string })[] {
    const { workflowId, runId } = this.#options
    return events.map((value, index) => ({
      type: 'put' as const,
      key: recordKeys.outbox(workflowId, runId, revision, index),
      value,
    }))
  }

  #deleteSent(): readonly StorageOperation[] {
    return this.#sent.map((key) => ({ type: 'delete', key }))
  }
}

function fenced(runId: string, epoch: number, cause: SystemError): SystemError {
  return new SystemError('FENCED', `Run ${runId} was taken over by another owner: this one must stop`, {
    cause,
    context: { runId, epoch },
  })
}
