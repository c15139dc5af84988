import type { Clock } from '../../core/clock.js'
import type { SystemError } from '../../core/system-error.js'
import type { StorageOperation } from '../../storage/storage-driver.js'
import type { StoredTimelineStore } from '../../timeline/stored-timeline-store.js'
import type { TimelinePosition, TimelineStore } from '../../timeline/timeline-store.js'
import type { RunKeeping } from '../active-run.js'
import type { DispatchResult } from '../receipts.js'
import type { Registration } from '../registration.js'
import type { RuntimeContext } from '../runtime-context.js'
import type { AnyWorkflow } from '../workflow-definition.js'
import { DurableAdmission, isAcceptedBefore } from './durable-admission.js'
import { Housekeeping } from './housekeeping.js'
import { Ownership } from './ownership.js'
import { Patience } from './patience.js'
import { type RecoveryReport, recoverWorkflow } from './recovery.js'
import { type PruneHost, prune } from './retention.js'
import type { PruneReport, RetentionOptions } from './retention-options.js'
import { type Left, RunJournal } from './run-journal.js'
import { type PersistentRun, RunPersistence, isUnstorable } from './run-persistence.js'
import type { StoreRegistry } from './store-registry.js'
import { tabLocks } from './tab-lock.js'
import { UnsettledEnds } from './unsettled-ends.js'
import type { WorkflowStore } from './workflow-store.js'

export interface DurabilityOptions {
  readonly claimTtlMs: number
  /** Where timelines are kept apart from the runs. */
  readonly timelineStore: TimelineStore | undefined
  /** Where timelines are kept beside the runs. */
  readonly shared: StoredTimelineStore | undefined
  readonly retention: RetentionOptions | undefined
  /** Another owner has gone: what it left may be taken over. */
  readonly onOwnerGone: () => void
}

/** What makes the runs of a runtime outlive it. */
export class Durability {
  readonly registry: StoreRegistry
  readonly ownership: Ownership
  /** Where timelines are kept, if they are. */
  readonly recorded: TimelineStore | undefined
  /** The same, when they share the commits of the runs. */
  readonly timelines: StoredTimelineStore | undefined
  readonly context: RuntimeContext

  readonly #pruneHost: PruneHost
  #pruning: Promise<unknown> = Promise.resolve()
  /** Why nothing more is removed: the runtime stops. */
  #leftFor: SystemError | undefined
  readonly #recovering = new WeakMap<Registration, Promise<unknown>>()
  readonly #housekeeping: Housekeeping | undefined

  constructor(
    registry: StoreRegistry,
    context: RuntimeContext,
    { claimTtlMs, timelineStore, shared, retention, onOwnerGone }: DurabilityOptions,
  ) {
    const { driver } = registry
    this.registry = registry
    this.timelines = shared
    this.recorded = shared ?? timelineStore
    this.context = context
    this.ownership = new Ownership({
      id: context.ids(),
      driver,
      clock: context.clock,
      ttlMs: claimTtlMs,
      locks: tabLocks(driver),
      onGone: onOwnerGone,
      onFault: (error) => context.report(error, 'Renewing the claim of this process'),
    })
    this.#pruneHost = {
      driver,
      timelines: timelineStore,
      shared,
      ids: context.ids,
      now: () => this.clock.now(),
    }
    this.#housekeeping = retention && this.#keepHouse(retention)
  }

  get clock(): Clock {
    return this.context.clock
  }

  /** How long the runs and events of one registration wait for the store. */
  patience(): Patience {
    return new Patience(this.clock)
  }

  workflowStore({ id, version }: AnyWorkflow): WorkflowStore {
    return {
      driver: this.registry.driver,
      patience: this.patience(),
      onFailure: (error, what) => this.context.report(error, `${what}: storing it`),
      clock: this.clock,
      registry: this.registry,
      workflowId: id,
      version,
      ownerId: this.ownership.id,
      unsettled: new UnsettledEnds(),
    }
  }

  admission(store: WorkflowStore): DurableAdmission {
    return new DurableAdmission(store)
  }

  /** @param position How far its timeline has come. @default it has none yet */
  persistence(run: PersistentRun, journal: RunJournal, position?: TimelinePosition): RunPersistence {
    return new RunPersistence(run, journal, this.timelines, position)
  }

  /**
   * How a new run is kept.
   *
   * @param admission What is committed with its beginning.
   * @param told Whom to tell what became of it. @default nobody
   */
  keeping(
    run: PersistentRun & { readonly runId: string },
    registration: Registration,
    admission: () => Promise<readonly StorageOperation[]>,
    told: Partial<Pick<RunKeeping, 'preparing' | 'accepted' | 'refused'>> = {},
  ): RunKeeping {
    const persistence = this.persistence(run, this.journal(registration, run.runId, 1, 0))
    return {
      persistence,
      // The turn is taken at once: a signal may be kept next, before this owner is known.
      create: () => persistence.create(() => this.ownership.open().then(admission)),
      createFailed: (error) => persistence.createFailed(admission, error),
      preparing: told.preparing ?? nothing,
      accepted: told.accepted ?? nothing,
      refused: told.refused ?? nothing,
    }
  }

  /** The receipt of an event that the store does not take, or takes no more; `undefined` when that is nothing final. */
  refusalOf(error: SystemError): Required<Pick<DispatchResult, 'outcome' | 'reason'>> | undefined {
    if (isAcceptedBefore(error)) return { outcome: 'duplicate', reason: 'Event id seen before' }
    if (error.code === 'CONFLICT' || error.code === 'FENCED')
      return { outcome: 'dropped', reason: 'Another process has taken it over' }
    return isUnstorable(error) ? { outcome: 'invalid', reason: error.message } : undefined
  }

  journal(
    registration: Registration,
    runId: string,
    epoch: number,
    revision: number,
    left?: Left,
  ): RunJournal {
    return new RunJournal(registration.store!, runId, epoch, revision, left)
  }

  /**
   * Takes over what of a workflow nobody owns. Rejects when the store cannot be read. One pass at a time: a second would
   * take over from the first what that is still reading.
   */
  recover(registration: Registration): Promise<RecoveryReport> {
    const before = this.#recovering.get(registration) ?? Promise.resolve()
    const pass = before.then(() => recoverWorkflow(this, registration))
    this.#recovering.set(
      registration,
      pass.catch(() => {}),
    )
    return pass
  }

  /** Resolves when nothing is being taken over for a registration. */
  async recovered(registration: Registration): Promise<void> {
    await this.#recovering.get(registration)
  }

  /**
   * Removes what is left of runs that have ended, as far as it exceeds the limits. One pass at a time. Rejects with the
   * reason when the runtime is stopped meanwhile: what is left then goes with another prune.
   */
  prune(options: RetentionOptions): Promise<PruneReport> {
    const pass = this.#pruning.then(async () => {
      let isCut = false
      const isOver = () => (isCut ||= this.#leftFor !== undefined)
      const report = await prune({ ...this.#pruneHost, isOver }, options)
      if (isCut) throw this.#leftFor!
      return report
    })
    this.#pruning = pass.catch(() => {})
    return pass
  }

  /** Lets others take over at once; what the store does not take in time is left to `claimTtl`. */
  async close(reason: SystemError): Promise<void> {
    this.#leftFor = reason
    this.#housekeeping?.close()
    const patience = this.patience()
    patience.end(reason)
    await patience.bound(Promise.all([this.#pruning, this.ownership.close()])).catch(() => {})
    patience.close()
  }

  #keepHouse(retention: RetentionOptions): Housekeeping {
    return new Housekeeping({
      clock: this.clock,
      prune: () => this.prune(retention),
      onFault: (error) => this.context.report(error, 'Removing runs that have ended'),
    })
  }
}

const nothing = () => undefined

export type { RecoveryReport } from './recovery.js'
