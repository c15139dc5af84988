import type { BusEvent } from '../../core/bus-event.js'
import { SystemError, isSystemError } from '../../core/system-error.js'
import type { StorageOperation } from '../../storage/storage-driver.js'
import { estimateBytes } from '../../timeline/estimate-bytes.js'
import type { RunBundle } from '../run-bundle.js'
import type { Boundary, Company, Contents, Departure } from './boundary.js'
import { commitPatiently } from './patient-commit.js'
import { recordKeys } from './record-keys.js'
import {
  type EndedRecord,
  type HistoryRecord,
  RUN_LAYOUT,
  type RunRecord,
  type UnsettledRecord,
  claimRecord,
} from './run-record.js'
import { UnsettledEnd } from './unsettled-ends.js'
import type { WorkflowStore } from './workflow-store.js'

/** What the process before has left of a run. */
export interface Left {
  /** Keys of events that are in the outbox. */
  readonly outbox?: readonly string[]
  /** Whether it stands in the store under another version than that of the workflow. */
  readonly isMigrated?: boolean
}

/**
 * The commits of one run, one after the other. Each holds only under the epoch of this owner: who was taken over gets
 * `FENCED` and has written nothing.
 *
 * An event that leaves is in the outbox until it was published, and deleted with the next commit; so it is published at
 * least once, under its first id.
 */
export class RunJournal {
  /** The one under which this owner may commit. */
  readonly epoch: number
  readonly #store: WorkflowStore
  readonly #runId: string
  #revision: number
  /** Keys of events that were published, and can be deleted. */
  #sent: string[] = []
  /** Keys of all events that are in the outbox. Most runs have none there. */
  #outbox: Set<string> | undefined
  #last: Promise<unknown> = Promise.resolve()
  /** Whether nothing is to be saved: the run was not taken, or has ended. */
  #isOver = false
  #unsettled: UnsettledEnd | undefined
  /** Whether the claim says another version than the next commit will be of. */
  #isMigrated: boolean

  /**
   * @param revision The commits of the run so far.
   * @param left What another process has left.
   */
  constructor(
    store: WorkflowStore,
    runId: string,
    epoch: number,
    revision: number,
    { outbox = [], isMigrated = false }: Left = {},
  ) {
    this.#store = store
    this.#runId = runId
    this.epoch = epoch
    this.#revision = revision
    this.#isMigrated = isMigrated
    if (outbox.length > 0) this.#outbox = new Set(outbox)
  }

  now(): number {
    return this.#store.clock.now()
  }

  /**
   * The run begins: its record, its claim, and what makes its event known, or takes it out of the queue. Nothing else is
   * committed before; when it is refused, nothing else ever is.
   */
  create(admission: () => Promise<readonly StorageOperation[]>, read: () => Contents): Promise<void> {
    const { registry, workflowId } = this.#store
    const runId = this.#runId
    return this.#inTurn(async () => {
      this.#isOver = true
      const operations: StorageOperation[] = [
        ...(await admission()),
        this.#expectClaim(undefined),
        this.#claim(),
        this.#put(read(), 1),
      ]
      // Others may have taken it over, ended it or given it away by the time this is asked.
      const isThere = async () =>
        (await registry.run(workflowId, runId)) !== undefined ||
        (await registry.ended(workflowId, runId)) !== undefined ||
        (await registry.exported(runId)) !== undefined
      await this.#write(operations, isThere)
      this.#revision = 1
      this.#isOver = false
    })
  }

  /** The run ends before it began: only how, and what makes its event known, is kept. */
  createEnded(
    admission: () => Promise<readonly StorageOperation[]>,
    ended: Omit<EndedRecord, 'layout' | 'revision' | 'epoch'>,
  ): Promise<void> {
    const { registry, workflowId } = this.#store
    const runId = this.#runId
    return this.#inTurn(async () => {
      this.#isOver = true
      const value: EndedRecord = { layout: RUN_LAYOUT, revision: 1, epoch: this.epoch, ...ended }
      await this.#write(
        [...(await admission()), ...this.#bury(value, 0)],
        async () => (await registry.ended(workflowId, runId)) !== undefined,
      )
    })
  }

  /**
   * @param read Called when it is this commit's turn, so that it holds the latest; `undefined` when there is nothing to
   *   commit after all.
   */
  save(read: () => Boundary | undefined): Promise<void> {
    return this.#inTurn(async () => {
      const boundary = this.#isOver ? undefined : read()
      if (!boundary) return
      await this.#commit(boundary, (revision) => {
        const record = this.#put(boundary, revision)
        return this.#isMigrated ? [record, this.#claim()] : [record]
      })
      this.#isMigrated = false
    })
  }

  /**
   * The run has ended: its record and its claim give way to what is left of it, and, as long as something is to be done
   * about the end, to one that says so: whoever comes after a crash knows of it, and nobody else interferes.
   */
  end(ended: Omit<EndedRecord, 'layout' | 'revision' | 'epoch'>, read: () => Departure): Promise<void> {
    const { workflowId, ownerId } = this.#store
    const runId = this.#runId
    return this.#inTurn(async () => {
      const departure = read()
      const isUnsettled =
        departure.hasHooks || departure.events.length > 0 || (this.#outbox?.size ?? 0) > this.#sent.length
      this.#isOver = true
      const unsettled: UnsettledRecord = { epoch: this.epoch, owner: ownerId }
      await this.#commit(departure, (revision) => {
        const value: EndedRecord = { layout: RUN_LAYOUT, revision, epoch: this.epoch, ...ended }
        return [
          { type: 'delete', key: recordKeys.run(workflowId, runId) },
          { type: 'delete', key: recordKeys.claim(workflowId, runId) },
          ...this.#bury(value, departure.timelineBytes),
          ...(isUnsettled
            ? [{ type: 'put' as const, key: recordKeys.unsettled(workflowId, runId), value: unsettled }]
            : []),
        ]
      })
      if (!isUnsettled) return
      this.#unsettled = new UnsettledEnd(runId)
      this.#store.unsettled.add(this.#unsettled)
    })
  }

  /**
   * The run goes on elsewhere: its claim and its record give way to the bundle, which can be had again until it is
   * imported. What waits to be saved is not saved any more.
   */
  release(bundle: RunBundle): Promise<void> {
    const { registry, workflowId } = this.#store
    const runId = this.#runId
    this.#isOver = true
    return this.#inTurn(async () => {
      const isReleased = async () => (await registry.exported(runId)) !== undefined
      const operations: readonly StorageOperation[] = [
        this.#expectClaim(this.epoch),
        { type: 'delete', key: recordKeys.claim(workflowId, runId) },
        { type: 'delete', key: recordKeys.run(workflowId, runId) },
        { type: 'deletePrefix', prefix: recordKeys.outboxOf(workflowId, runId) },
        { type: 'put', key: recordKeys.exported(runId), value: bundle },
      ]
      await this.#write(operations, isReleased).catch((error: unknown) => {
        throw isSystemError(error) && error.code === 'CONFLICT' ? fenced(runId, this.epoch, error) : error
      })
    })
  }

  /**
   * A run that comes from elsewhere. Rejects with `CONFLICT` when it is, or was, here already, and not only on its way
   * elsewhere: a bundle may come again when its run has moved on.
   */
  adopt(contents: Contents): Promise<void> {
    const { registry, workflowId } = this.#store
    const runId = this.#runId
    return this.#inTurn(async () => {
      const ended = recordKeys.ended(workflowId, runId)
      const key = recordKeys.exported(runId)
      const left = (await this.#store.patience.bound(registry.exported(runId)))?.epoch
      if (left !== undefined && left >= this.epoch) throw movedOn(runId, key)
      const operations: readonly StorageOperation[] = [
        this.#expectClaim(undefined),
        { type: 'expect', key: ended, field: 'runId', equals: undefined },
        { type: 'expect', key, field: 'epoch', equals: left },
        this.#claim(),
        { type: 'delete', key },
        this.#put(contents, 1),
      ]
      await this.#write(operations, async () => {
        return (await registry.claim(workflowId, runId))?.epoch === this.epoch
      })
      this.#revision = 1
    })
  }

  /** Events that were published leave the outbox with the next commit. */
  published(keys: readonly string[]): void {
    this.#sent.push(...keys)
  }

  /** Everything is done about the end: nothing is left of the run but how it ended. */
  settle(): Promise<void> {
    const { registry, workflowId, unsettled } = this.#store
    const runId = this.#runId
    return this.#inTurn(async () => {
      const end = this.#unsettled
      if (!end) return
      this.#unsettled = undefined
      const operations = registry.settleEnd(workflowId, runId, this.epoch)
      const isSettled = async () => (await registry.unsettled(workflowId, runId)) === undefined
      await this.#write(operations, isSettled).finally(() => unsettled.delete(end))
    })
  }

  #inTurn<Value>(act: () => Promise<Value>): Promise<Value> {
    const turn = this.#last.then(act)
    this.#last = turn.catch(() => {})
    return turn
  }

  async #commit(
    { events, beside, committed, refused }: Company,
    writes: (revision: number) => readonly StorageOperation[],
  ): Promise<void> {
    const { registry, workflowId } = this.#store
    const runId = this.#runId
    const revision = this.#revision + 1
    const outbox = this.#toOutbox(events, revision)
    const sent = this.#sent.length
    try {
      await this.#write(
        [this.#expectClaim(this.epoch), ...writes(revision), ...outbox, ...beside, ...this.#deleteSent()],
        async () => {
          const stored = (await registry.run(workflowId, runId)) ?? (await registry.ended(workflowId, runId))
          const epoch =
            stored && 'epoch' in stored ? stored.epoch : (await registry.claim(workflowId, runId))?.epoch
          return stored?.revision === revision && epoch === this.epoch
        },
      )
    } catch (error) {
      refused(error)
      if (isSystemError(error) && error.code === 'CONFLICT') throw fenced(runId, this.epoch, error)
      throw error
    }
    this.#revision = revision
    if (outbox.length > 0) this.#outbox ??= new Set()
    for (const each of outbox) this.#outbox!.add(each.key)
    for (const each of this.#sent.splice(0, sent)) this.#outbox?.delete(each)
    committed(outbox.map((each) => each.key))
  }

  #write(operations: readonly StorageOperation[], isApplied: () => Promise<boolean>): Promise<void> {
    return commitPatiently(operations, isApplied, this.#store, `Run ${this.#runId}`)
  }

  #expectClaim(epoch: number | undefined): StorageOperation {
    const key = recordKeys.claim(this.#store.workflowId, this.#runId)
    return { type: 'expect', key, field: 'epoch', equals: epoch }
  }

  #claim(): StorageOperation {
    const { workflowId, version, ownerId } = this.#store
    const value = claimRecord(this.epoch, ownerId, version)
    return { type: 'put', key: recordKeys.claim(workflowId, this.#runId), value }
  }

  #put({ checkpoint, inboxes, timeline }: Contents, revision: number): StorageOperation {
    const key = recordKeys.run(this.#store.workflowId, this.#runId)
    const savedAt = this.now()
    const value: RunRecord = timeline
      ? { layout: RUN_LAYOUT, revision, savedAt, checkpoint, inboxes, timeline }
      : { layout: RUN_LAYOUT, revision, savedAt, checkpoint, inboxes }
    return { type: 'put', key, value }
  }

  /** What is left of a run that has ended, and where it is found when it is old. */
  #bury(ended: EndedRecord, timelineBytes: number): readonly StorageOperation[] {
    const { runId, workflowId, triggerId, eventId, endedAt, state } = ended
    const bytes = estimateBytes(state) + timelineBytes
    const value: HistoryRecord = { runId, workflowId, triggerId, eventId, bytes }
    return [
      { type: 'put', key: recordKeys.ended(workflowId, runId), value: ended },
      { type: 'put', key: recordKeys.historyOf(endedAt, workflowId, runId), value },
    ]
  }

  #toOutbox(
    events: readonly BusEvent[],
    revision: number,
  ): readonly (StorageOperation & { readonly key: string })[] {
    const { workflowId } = this.#store
    const runId = this.#runId
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

function movedOn(runId: string, key: string): SystemError {
  return new SystemError('CONFLICT', `Run ${runId} has moved on since`, { context: { key } })
}

function fenced(runId: string, epoch: number, cause: SystemError): SystemError {
  return new SystemError('FENCED', `Run ${runId} was taken over by another owner: this one must stop`, {
    cause,
    context: { runId, epoch },
  })
}
