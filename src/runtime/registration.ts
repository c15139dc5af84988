import type { ArtifactContainer } from '../container/artifact-container.js'
import { serviceTemplates } from '../container/service-templates.js'
import type { BusEvent } from '../core/bus-event.js'
import { deepFreeze } from '../core/deep-freeze.js'
import type { SystemError } from '../core/system-error.js'
import { ActiveRun, type RunKeeping } from './active-run.js'
import { type Admission, createAdmission } from './admission/create-admission.js'
import type { AdmissionHost, Decision } from './admission/gate.js'
import { type CompiledTrigger, compileTriggers } from './compiled-trigger.js'
import type { Durability } from './durable/durability.js'
import type { DurableAdmission } from './durable/durable-admission.js'
import type { RunJournal } from './durable/run-journal.js'
import type { RunRecord, TicketRecord } from './durable/run-record.js'
import type { OutboxEntry } from './durable/store-registry.js'
import type { WorkflowStore } from './durable/workflow-store.js'
import { createEnv, processEnv } from './env.js'
import { EventIntake } from './event-intake.js'
import { EventTicket } from './event-ticket.js'
import { migrateCheckpoint, parkedRun, triggerOf } from './fit-checkpoint.js'
import type { ForkPoint } from './fork-point.js'
import { createMode } from './modes/create-mode.js'
import { KeyedMode } from './modes/keyed-mode.js'
import type { DecisionDetails, ModeRun, Ticket } from './modes/mode.js'
import { signalPatch } from './modes/signal-patch.js'
import { queuedRun } from './queued-run.js'
import { ReceiptGiver } from './receipt-giver.js'
import type { DispatchResult } from './receipts.js'
import type { RegistrationOptions } from './registration-options.js'
import type { RunBundle } from './run-bundle.js'
import type { RunEnvironment, RunOrigin } from './run-environment.js'
import type { RuntimeContext } from './runtime-context.js'
import type { AnyWorkflow, RunCheckpoint } from './workflow-definition.js'

/**
 * A workflow that is registered: its triggers on the bus, its gates and mode, its services, and the runs it started.
 * Gives the receipts.
 */
export class Registration implements AdmissionHost {
  readonly id: string
  readonly version: string | undefined
  readonly workflow: AnyWorkflow
  readonly hooks: RegistrationOptions
  readonly triggers: ReadonlyMap<string, CompiledTrigger>
  readonly admission: Admission
  readonly #context: RuntimeContext
  readonly #container: ArtifactContainer
  #liveRuns = 0
  readonly receipts: ReceiptGiver
  /** Absent where nothing outlives the process. */
  readonly durability: Durability | undefined
  /** How its runs and events are stored. */
  readonly store: WorkflowStore | undefined
  readonly #kept: DurableAdmission | undefined
  #isLeft = false
  #closedFor: string | undefined
  /** Whether it takes nothing more, neither from the bus nor from the store. */
  isClosed = false
  readonly #intake: EventIntake
  #whenIdle: (() => void)[] = []

  /** @param onReceipt Told of each receipt, after the log and before the hook. */
  constructor(
    workflow: AnyWorkflow,
    options: RegistrationOptions,
    context: RuntimeContext,
    onReceipt: (receipt: DispatchResult) => void,
  ) {
    this.id = workflow.id
    this.version = workflow.version
    this.workflow = workflow
    this.hooks = options
    this.triggers = compileTriggers(workflow)
    this.#context = context
    this.receipts = new ReceiptGiver(workflow.id, context, options.onDispatch, onReceipt)
    this.durability = context.durability
    this.store = this.durability?.workflowStore(workflow)
    this.#kept = this.store && this.durability!.admission(this.store)
    this.#container = context.services.scope('workflow', { name: workflow.id })
    this.#container.provide('__env__', createEnv(workflow.env, context.env ?? processEnv()))
    this.#container.register(serviceTemplates(workflow.services, 'services'))
    const isKeyed = options.key !== undefined || [...this.triggers.values()].some(({ key }) => key)
    this.admission = createAdmission(
      options,
      (host) =>
        isKeyed
          ? new KeyedMode((onIdle) => createMode(options.mode, host, onIdle))
          : createMode(options.mode, host),
      this,
      context.clock,
    )
    this.#intake = new EventIntake(this, context, this.#kept)
  }

  /** Runs that live. Found rather than kept: see {@link RunDirectory}. */
  get runs(): readonly ActiveRun[] {
    return this.#context.runs.live().filter((run) => run.belongsTo(this))
  }

  /** Resolves when schedules are read and eager services built; rejects with the first fault. */
  async ready(): Promise<void> {
    await this.#intake.ready()
    await this.#container.ready()
  }

  /** Puts the triggers on the bus and on the clock. */
  subscribe(): void {
    this.#intake.open()
  }

  /** Starts a run past gates and mode. */
  invoke(trigger: CompiledTrigger, event: BusEvent): ActiveRun {
    const run = this.#createRun(new EventTicket(trigger.id, event, undefined, 0, this.#context.ids))
    void this.#begun(run, (keeping) => run.begin(undefined, keeping))
    return run
  }

  /** Starts a run in the middle, past gates and mode. Resolves when it has begun, and is safe where runs are. */
  async fork(trigger: CompiledTrigger, event: BusEvent, point: ForkPoint): Promise<ActiveRun> {
    const ticket = new EventTicket(trigger.id, event, undefined, 0, this.#context.ids)
    const parent = { parentRunId: point.meta.runId, parentSeq: point.seq }
    const run = this.#createRun(ticket, { state: point.state, parent })
    await this.#begun(run, (keeping) => run.beginAt(point, keeping))
    return run
  }

  /** Resolves when a run that no event waits for is safe; rejects with why it was not taken. */
  #begun(run: ActiveRun, begin: (keeping?: RunKeeping) => void): Promise<void> {
    const { durability } = this
    if (!durability) return Promise.resolve(begin())
    const begun = new Promise<void>((accepted, refused) => {
      begin(durability.keeping(run, this, () => Promise.resolve([]), { accepted, refused }))
    })
    this.#context.track(begun)
    return begun
  }

  start(ticket: Ticket, replacedRunId?: string): ModeRun {
    const run = this.#createRun(ticket)
    const { runId } = ticket
    const accepted = () => {
      if (replacedRunId === undefined) this.receipts.give('started', ticket, { runId })
      else this.receipts.give('replaced', ticket, { runId, replacedRunId })
    }
    const takeSlot = (go: () => void) => this.admission.resume(run, go)
    const kept = this.#kept
    if (!kept) {
      accepted()
      run.begin(takeSlot)
    } else {
      let mayBeStored = kept.isKept(ticket)
      const starting = () => {
        mayBeStored = true
        return kept.starting(ticket)
      }
      const decided = new Promise<void>((resolve) => {
        const refused = (error: SystemError) => {
          this.#turnAway(ticket, error, mayBeStored)
          resolve()
        }
        const given = () => {
          accepted()
          resolve()
        }
        const told = { preparing: () => kept.preparing(ticket), accepted: given, refused }
        run.begin(takeSlot, this.durability!.keeping(run, this, starting, told))
      })
      this.#context.track(decided)
    }
    return run
  }

  decide(ticket: Ticket, outcome: Decision, details: DecisionDetails = {}): void {
    const waits = outcome === 'queued' || outcome === 'delayed'
    const ends = outcome === 'superseded' || outcome === 'dropped'
    const withRun =
      waits || (ends && details.runId === undefined) ? { ...details, runId: ticket.runId } : details
    const give = () => this.receipts.give(outcome, ticket, withRun)
    if (waits) this.#queue(ticket)
    else this.#context.runs.dequeue(ticket)
    const kept = this.#kept
    if (!kept) return give()
    if (waits) {
      // A ticket that was recovered had this receipt before.
      if (kept.isKept(ticket)) return
      this.#context.track(kept.keep(ticket).then(give, (error: unknown) => this.#giveUp(ticket, error)))
    } else if (!kept.isKept(ticket)) give()
    // What waits when a runtime is stopped is there for the next one.
    else if (!this.#isLeft) this.#drop(kept, ticket, give).catch(() => {})
  }

  /** Resolves when the store has forgotten it; rejects when it may go on elsewhere. */
  #drop(kept: DurableAdmission, ticket: Ticket, give: () => void): Promise<void> {
    const dropped = kept.drop(ticket)
    const refused = (error: SystemError) => this.#turnAway(ticket, error, true)
    this.#context.track(dropped.then(give, refused))
    return dropped
  }

  // ——— recovery

  /** A run that cannot go on here is known from then on as paused, and why. @throws {SystemError} `VERSION_MISMATCH`. */
  migrate(checkpoint: RunCheckpoint): RunCheckpoint {
    try {
      return migrateCheckpoint(this.workflow, checkpoint)
    } catch (error) {
      this.#context.runs.park(parkedRun(checkpoint, error as SystemError))
      throw error
    }
  }

  /** @throws {SystemError} `NOT_FOUND` when the workflow no longer has what the run needs. */
  assertKnows(checkpoint: RunCheckpoint): void {
    triggerOf(this.id, this.triggers, checkpoint)
  }

  /**
   * @param journal Absent where nothing outlives the process.
   * @param continues Its timeline so far.
   * @throws {SystemError} `NOT_FOUND` when the workflow no longer has what the run needs.
   */
  recoverRun(
    record: Pick<RunRecord, 'checkpoint' | 'inboxes' | 'savedAt' | 'timeline'> &
      Partial<Pick<RunBundle, 'epoch'>>,
    journal: RunJournal | undefined,
    outbox: readonly OutboxEntry[],
    continues: RunOrigin['continues'],
  ): void {
    const { runId, triggerId, event, key, startedAt, parent, root } = record.checkpoint
    this.assertKnows(record.checkpoint)
    const from = { startedAt, state: root.state, parent, continues }
    const run = this.#createRun({ runId, triggerId, event: deepFreeze(event), key, priority: 0 }, from)
    const persistence = journal && this.durability!.persistence(run, journal, record.timeline)
    try {
      run.recover(record, persistence, outbox, (go) => this.admission.resume(run, go))
    } catch (error) {
      run.suspend(error as SystemError)
      throw error
    }
    this.admission.adopt(run)
  }

  /** An event that was accepted before the process went away, back in its place. */
  readmit({ triggerId, event, key, priority, runId, preparations = 0 }: TicketRecord): void {
    // Its turn may have come here since it was read.
    if (!this.triggers.has(triggerId) || this.#context.runs.info(runId)) return
    const ticket = new EventTicket(triggerId, deepFreeze(event), key, priority, () => runId)
    this.#kept!.adopt(ticket, preparations)
    this.admission.readmit(ticket)
  }

  /** Whether the event of that run waits here. */
  holds(runId: string): boolean {
    return this.#kept?.holds(runId) ?? false
  }

  /** Whether somebody is to be told when a run ends. */
  get tellsEnd(): boolean {
    return this.hooks.onComplete !== undefined || this.hooks.onCleanup !== undefined
  }

  #turnAway(ticket: Ticket, error: SystemError, mayBeStored: boolean): void {
    const refusal = this.durability!.refusalOf(error)
    if (refusal) this.receipts.give(refusal.outcome, ticket, refusal)
    else if (!this.#isLeft) this.receipts.give('dropped', ticket, { reason: error.message })
    // Nobody would find it.
    else if (!mayBeStored) this.receipts.give('dropped', ticket, { reason: this.#closedFor })
  }

  /** An event that waits cannot be kept; if it has begun meanwhile, its run has the last word. */
  #giveUp(ticket: Ticket, error: unknown): void {
    if (this.admission.withdraw(ticket.runId, ticket.key)) this.#turnAway(ticket, error as SystemError, true)
  }

  /** Takes out an event that waits, if there is one. Resolves when that is safe, rejects when it may go on elsewhere. */
  withdraw(runId: string, reason: string): Promise<void> | undefined {
    const ticket = this.admission.withdraw(runId)
    if (!ticket) return undefined
    const kept = this.#kept
    if (!kept?.isKept(ticket)) return Promise.resolve(this.decide(ticket, 'dropped', { runId, reason }))
    this.#context.runs.dequeue(ticket)
    return this.#drop(kept, ticket, () => this.receipts.give('dropped', ticket, { runId, reason }))
  }

  ended(): void {
    if (--this.#liveRuns === 0) for (const resolve of this.#whenIdle.splice(0)) resolve()
  }

  /** Resolves when no run is left. */
  idle(): Promise<void> {
    return this.#liveRuns === 0 ? Promise.resolve() : new Promise((resolve) => this.#whenIdle.push(resolve))
  }

  /**
   * Accepts nothing more. Runs go on.
   *
   * @param isLeft Whether what waits is left to whoever recovers it.
   */
  close(reason: string, isLeft = false): void {
    this.isClosed = true
    this.#closedFor = reason
    this.#isLeft = isLeft && this.durability !== undefined
    this.#intake.close()
    this.admission.close(reason)
  }

  dispose(): Promise<void> {
    return this.#container.dispose()
  }

  /** What an event writes into the state of the active run; `undefined` for nothing. */
  toPatch(event: BusEvent): Readonly<Record<string, unknown>> | undefined {
    return signalPatch(this.hooks.mode, event, (error) =>
      this.#context.report(error, `toPatch of workflow "${this.id}"`),
    )
  }

  openRunContainer(run: RunEnvironment): ArtifactContainer {
    return this.#container.scope('run', { name: run.runId, state: { getState: () => run.state } })
  }

  #queue(ticket: Ticket): void {
    const { pipeline } = this.triggers.get(ticket.triggerId)!
    this.#context.runs.queue(ticket, queuedRun(ticket, this.id, pipeline.id, this.#context.clock.now()))
  }

  #createRun(ticket: Ticket, from?: RunOrigin): ActiveRun {
    const run = new ActiveRun(ticket, this.triggers.get(ticket.triggerId)!, this, this.#context, from)
    this.#liveRuns++
    this.#context.runs.dequeue(ticket)
    this.#context.runs.add(run)
    return run
  }
}
