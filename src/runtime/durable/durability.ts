import type { Clock } from '../../core/clock.js'
import { SystemError, isSystemError, serializeError } from '../../core/system-error.js'
import type { StorageDriver, StorageOperation } from '../../storage/storage-driver.js'
import type { StoredTimelineStore } from '../../timeline/stored-timeline-store.js'
import type { RunKeeping } from '../active-run.js'
import type { Registration } from '../registration.js'
import type { RuntimeContext } from '../runtime-context.js'
import type { RunCheckpoint } from '../workflow-definition.js'
import { DurableAdmission, isAcceptedBefore } from './durable-admission.js'
import { Ownership } from './ownership.js'
import type { PatientCommitOptions } from './patient-commit.js'
import { RunJournal } from './run-journal.js'
import { type PersistentRun, RunPersistence, isUnstorable } from './run-persistence.js'
import type { ClaimRecord, RunRecord } from './run-record.js'
import { StoreRegistry } from './store-registry.js'

/** How often a run may be cut off in one stage before it waits for a person. */
const MAX_INTERRUPTIONS = 10

/** What `recover()` found. */
export interface RecoveryReport {
  /** Runs that go on here. */
  readonly recovered: readonly string[]
  /** Runs that another process owns, and that is alive. */
  readonly owned: readonly string[]
  /** Runs that cannot go on here, and why: another version, a record of a newer Busline. */
  readonly parked: readonly { readonly runId: string; readonly error: SystemError }[]
}

/** What makes the runs of a runtime outlive it. */
export class Durability {
  readonly registry: StoreRegistry
  readonly ownership: Ownership
  /** Where timelines are kept, when they share the commits of the runs. */
  readonly timelines: StoredTimelineStore | undefined
  readonly #context: RuntimeContext
  #stopped: SystemError | undefined

  constructor(
    driver: StorageDriver,
    context: RuntimeContext,
    timelines: StoredTimelineStore | undefined,
    claimTtlMs: number,
  ) {
    this.registry = new StoreRegistry(driver)
    this.timelines = timelines
    this.#context = context
    const onFault = (error: unknown) => context.report(error, 'Renewing the claim of this process')
    this.ownership = new Ownership(context.ids(), driver, context.clock, claimTtlMs, onFault)
  }

  get clock(): Clock {
    return this.#context.clock
  }

  /** How commits wait for a store that fails. */
  patience(what: string): PatientCommitOptions {
    return {
      driver: this.registry.driver,
      clock: this.clock,
      given: () => this.#stopped,
      onFailure: (error) => this.#context.report(error, `${what}: storing it`),
    }
  }

  admission(workflowId: string): DurableAdmission {
    return new DurableAdmission(this, workflowId)
  }

  persistence(run: PersistentRun, journal: RunJournal): RunPersistence {
    return new RunPersistence(run, journal, this.timelines)
  }

  /**
   * How a new run is kept, as far as whoever admits it does not say otherwise.
   *
   * @param admission What is committed with its beginning.
   */
  keeping(
    run: PersistentRun & { readonly runId: string },
    workflowId: string,
    admission: () => Promise<readonly StorageOperation[]>,
  ): RunKeeping {
    const persistence = this.persistence(run, this.journal(workflowId, run.runId, 1, 0))
    return {
      persistence,
      create: async () => {
        await this.ownership.open()
        await persistence.create(await admission())
      },
      accepted: () => {},
      refused: () => {},
    }
  }

  isAcceptedBefore(error: unknown): boolean {
    return isAcceptedBefore(error)
  }

  isUnstorable(error: unknown): boolean {
    return isUnstorable(error)
  }

  journal(workflowId: string, runId: string, epoch: number, revision: number): RunJournal {
    return new RunJournal({
      ...this.patience(`Run ${runId}`),
      registry: this.registry,
      workflowId,
      runId,
      ownerId: this.ownership.id,
      epoch,
      revision,
    })
  }

  /** Takes over what of a workflow nobody owns: first its runs, then its events that wait. */
  async recover(registration: Registration): Promise<RecoveryReport> {
    const recovered: string[] = []
    const owned: string[] = []
    const parked: { runId: string; error: SystemError }[] = []
    const onDamaged = (error: unknown) => this.#context.report(error, `A run of "${registration.id}"`)
    await this.ownership.open()
    for await (const page of this.registry.unfinishedRuns(registration.id, onDamaged)) {
      await Promise.all(
        page.map(async (record) => {
          const { runId } = record.checkpoint
          if (this.#context.runs.find(runId)) return
          try {
            const isOurs = await this.#takeOver(registration, record)
            ;(isOurs ? recovered : owned).push(runId)
          } catch (error) {
            const fault = isSystemError(error)
              ? error
              : new SystemError('STORAGE', String(error), { cause: error })
            parked.push({ runId, error: fault })
            this.#context.report(fault, `Run ${runId}: recovering it`)
          }
        }),
      )
    }
    for (const ticket of await this.registry.waitingTickets(registration.id, onDamaged)) {
      registration.readmit(ticket)
    }
    return { recovered, owned, parked }
  }

  /** No commit is tried again from here on. */
  giveUp(reason: SystemError): void {
    this.#stopped = reason
  }

  close(): Promise<void> {
    return this.ownership.close()
  }

  /** Whether the run is ours now. */
  async #takeOver(registration: Registration, stored: RunRecord): Promise<boolean> {
    const { runId } = stored.checkpoint
    const claim = await this.registry.claim(runId)
    if (claim && claim.owner !== this.ownership.id && (await this.ownership.isAlive(claim.owner)))
      return false
    const record = { ...stored, checkpoint: registration.migrate(stored.checkpoint) }
    if (!(await this.#claim(runId, claim))) return false
    const journal = this.journal(registration.id, runId, (claim?.epoch ?? 0) + 1, record.revision)
    const outbox = await this.registry.outbox(registration.id, runId)
    const continues = await this.timelines?.getRunMeta(runId)
    const checkpoint = parkPoison(record.checkpoint)
    registration.recoverRun({ ...record, checkpoint }, journal, outbox, continues)
    return true
  }

  async #claim(runId: string, before: ClaimRecord | undefined): Promise<boolean> {
    try {
      await this.registry.driver.commit(this.registry.claimOperations(runId, before, this.ownership.id))
      return true
    } catch (error) {
      if (isSystemError(error) && error.code === 'CONFLICT') return false
      throw error
    }
  }
}

/** A run that has brought its process down again and again is not tried once more without a person. */
function parkPoison(checkpoint: RunCheckpoint): RunCheckpoint {
  const { root } = checkpoint
  if (root.status !== 'running' || root.interruptions < MAX_INTERRUPTIONS || root.next === undefined)
    return checkpoint
  const error = new SystemError(
    'EXECUTION_FAILED',
    `Stage "${root.next}" was cut off ${root.interruptions} times: resume the run to try it again`,
    { context: { runId: checkpoint.runId, stageId: root.next } },
  )
  const wait = {
    kind: 'exhausted' as const,
    stageId: root.next,
    since: root.startedAt,
    error: serializeError(error),
  }
  return { ...checkpoint, root: { ...root, status: 'paused', interruptions: 0, wait } }
}
