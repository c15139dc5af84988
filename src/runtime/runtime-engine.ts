import type { AnyEventBus } from '../bus/event-bus.js'
import type { ArtifactContainer } from '../container/artifact-container.js'
import type { EventMap, EventMeta, EventType } from '../core/bus-event.js'
import { systemClock } from '../core/clock.js'
import { toMs } from '../core/duration.js'
import { uuidv7 } from '../core/ids.js'
import type { Result } from '../core/result.js'
import { SystemError } from '../core/system-error.js'
import type { ActiveRun } from './active-run.js'
import { Departures } from './departures.js'
import { DispatchCollector } from './dispatch-collector.js'
import type { MigrationCheckOptions, MigrationReport } from './durable/check-migrations.js'
import type { RecoveryReport } from './durable/durability.js'
import type { PruneReport, RetentionOptions } from './durable/retention-options.js'
import { EngineStores } from './engine-stores.js'
import { findTrigger } from './find-trigger.js'
import { exportRun, importRun } from './hand-over.js'
import { PendingWork } from './pending-work.js'
import { type DispatchQuery, type DispatchResult, ReceiptLog } from './receipts.js'
import { noWorkflow, notLive, refuse } from './refusal.js'
import { Recoveries } from './recoveries.js'
import { Registration } from './registration.js'
import { describeRegistration, reportDispatches } from './registration-report.js'
import type { RegistrationOptions } from './registration-options.js'
import { reportFault } from './report-fault.js'
import { obeyCommands } from './run-commands.js'
import type { RunBundle } from './run-bundle.js'
import { RunDirectory } from './run-directory.js'
import type { RunInfo, RunResult } from './run-result.js'
import type { RuntimeContext } from './runtime-context.js'
import type {
  DispatchReport,
  ForkOptions,
  RegistrationInfo,
  StopOptions,
  WorkflowRuntimeOptions,
} from './runtime-options.js'
import { toTriggerEvent } from './trigger-event.js'
import { WatchIndex } from './waiting/watch-index.js'
import type { WorkflowDefinition } from './workflow-definition.js'
import './run-events.js'

/**
 * What a `WorkflowRuntime` is made of once its first workflow is registered: registrations, runs, receipts, waits,
 * timelines, durability.
 */
export class RuntimeEngine<Events extends EventMap = Record<string, unknown>> {
  readonly #context: RuntimeContext
  readonly #registrations = new Map<string, Registration>()
  readonly #departures: Departures
  readonly #collector = new DispatchCollector()
  readonly #stopCommands: () => void
  readonly #stores: EngineStores
  readonly #pending = new PendingWork()
  readonly #recoveries: Recoveries
  #stopping: Promise<void> | undefined

  constructor(options: WorkflowRuntimeOptions<Events>, services: ArtifactContainer) {
    const { clock = systemClock, ids = uuidv7, logger = console, random = Math.random } = options
    const bus: AnyEventBus = options.bus
    const report: RuntimeContext['report'] = (error, what) => reportFault(bus, logger, error, what)
    const pending = this.#pending
    const stores = () => this.#stores
    this.#context = {
      bus,
      clock,
      ids,
      random,
      logger,
      services,
      env: options.env,
      executors: options.executors ?? {},
      watches: new WatchIndex(bus),
      receipts: new ReceiptLog({ limit: options.maxReceipts ?? 1000 }),
      runs: new RunDirectory(options.maxEndedRuns),
      get recorder() {
        return stores().recorder
      },
      get durability() {
        return stores().durability
      },
      track: (write) => pending.track(write),
      tidy: (act) => pending.tidy(act),
      telling: (act) => pending.tell(act),
      check: (act) => pending.check(act),
      written: () => pending.written(),
      whenRegistered: () => this.#recoveries.whenRegistered(),
      hookTimeoutMs: toMs(options.hookTimeout ?? '30s'),
      isStopping: () => this.#stopping !== undefined,
      bufferLimit: options.bufferLimit ?? 1000,
      report,
    }
    this.#departures = new Departures(this.#context, pending)
    this.#recoveries = new Recoveries(this.#context, () => this.#registrations.values())
    this.#stores = new EngineStores(options, this.#context, () => this.#recoveries.now())
    this.#stopCommands = obeyCommands(bus, this, report)
  }

  register(workflow: WorkflowDefinition<Events>, options: RegistrationOptions = {}): Promise<void> {
    return this.#recoveries.whileRegistering(() => this.#register(workflow, options))
  }

  async #register(workflow: WorkflowDefinition<Events>, given: RegistrationOptions): Promise<void> {
    this.#assertRunning('register')
    const { assertValidWorkflow } = await import('./validate-workflow.js')
    await this.#stores.open()
    this.#assertRunning('register')
    const options = assertValidWorkflow(workflow, given, this.#context.executors)
    const { id } = workflow
    if (this.#registrations.has(id)) {
      throw new SystemError('DUPLICATE_KEY', `Cannot register workflow "${id}": the id is taken`, {
        context: { workflowId: id },
      })
    }
    const registration = new Registration(workflow, options, this.#context, (receipt) =>
      this.#collector.take(receipt),
    )
    this.#registrations.set(id, registration)
    try {
      await registration.ready()
    } catch (error) {
      if (!this.#forget(registration)) return
      await registration.dispose()
      throw error
    }
    // It may have been deregistered while its services were built.
    if (this.#registrations.get(id) !== registration) return
    if (registration.durability) await this.#recoverFirst(registration)
    if (!registration.isClosed) registration.subscribe()
  }

  async recover(): Promise<RecoveryReport> {
    this.#assertRunning('recover')
    return this.#recoveries.all()
  }

  async prune(options: RetentionOptions): Promise<Result<PruneReport>> {
    return this.#answer('prune', async () => {
      await this.#stores.open()
      this.#assertRunning('prune')
      const { durability } = this.#stores
      return durability ? durability.prune(options) : { runs: 0, ids: 0, bytes: 0 }
    })
  }

  async checkMigrations(options: MigrationCheckOptions): Promise<Result<MigrationReport>> {
    return this.#answer('check migrations', async () => {
      await this.#stores.open()
      this.#assertRunning('check migrations')
      const { durability } = this.#stores
      if (!durability) return { checked: 0, stuck: [] }
      const { checkMigrations } = await import('./durable/check-migrations.js')
      const registered = [...this.#registrations.values()].map(({ workflow }) => workflow)
      return checkMigrations(durability.registry.driver, registered, options)
    })
  }

  async deregister(workflowId: string, options: StopOptions = {}): Promise<void> {
    const registration = this.#registrations.get(workflowId)
    if (!registration) {
      const leaving = this.#departures.of(workflowId)
      if (leaving) return leaving
      this.#assertRunning('deregister')
      throw noWorkflow(workflowId)
    }
    toMs(options.timeout ?? 0)
    this.#registrations.delete(workflowId)
    await this.#departures.leave(registration, `Workflow "${workflowId}" was deregistered`, options)
    if (!this.#registrations.has(workflowId)) this.#context.receipts.forget(workflowId)
  }

  async invoke(workflowId: string, triggerId: string, payload?: unknown): Promise<RunResult> {
    const metadata = { runId: '', workflowId, triggerId, pipelineId: '' }
    try {
      this.#assertRunning('invoke')
      const { registration, trigger } = findTrigger(this.#registrations, workflowId, triggerId)
      const run = registration.invoke(trigger, toTriggerEvent(this.#context.bus, trigger, payload))
      return await run.nextStop()
    } catch (error) {
      return refuse(error, metadata)
    }
  }

  async resume(runId: string, patch?: Readonly<Record<string, unknown>>): Promise<RunResult> {
    const run = this.#context.runs.find(runId)
    try {
      this.#assertRunning('resume')
      if (!run) throw notLive(this.#context, 'resume', runId)
      run.resumeBy({ kind: 'manual', ...((patch ?? undefined) === undefined ? {} : { patch }) })
      return await run.nextStop()
    } catch (error) {
      const { workflowId = '', triggerId = '', pipelineId = '' } = this.#context.runs.info(runId) ?? {}
      return refuse(error, { runId, workflowId, triggerId, pipelineId })
    }
  }

  signal(runId: string, patch: Readonly<Record<string, unknown>>): Promise<Result<RunInfo>> {
    return this.#onRun('signal', runId, (run) => run.signalWith(patch))
  }

  async abort(runId: string, reason = 'Asked for'): Promise<Result<RunInfo | undefined>> {
    if (!this.#context.runs.find(runId)) {
      for (const registration of this.#registrations.values()) {
        const withdrawn = registration.withdraw(runId, reason)
        if (withdrawn) return this.#answer('abort', () => withdrawn.then(() => undefined))
      }
    }
    return this.#onRun('abort', runId, async (run) => {
      const isLate = run.hasEnded
      run.abort(reason)
      await run.settled
      if (isLate || run.status === 'succeeded') throw notLive(this.#context, 'abort', runId)
      run.assertNotLeft()
    })
  }

  fork(runId: string, options: ForkOptions): Promise<Result<RunInfo>> {
    return this.#answer('fork', async () => {
      const store = this.#stores.timelines
      if (!store) throw new SystemError('UNAVAILABLE', 'Cannot fork: the runtime records no timelines')
      await this.#context.recorder?.flush()
      const { findForkPoint, forkEvent, forkState } = await import('./fork-point.js')
      const point = await findForkPoint(store, runId, options)
      this.#assertRunning('fork')
      const { workflowId, metadata } = point.meta
      const { registration, trigger } = findTrigger(
        this.#registrations,
        workflowId,
        String(metadata?.['triggerId']),
      )
      const { state = point.state } = options
      const event = forkEvent(runId, options.event ?? this.#context.runs.info(runId)?.event)
      const from = { ...point, state: forkState(runId, state) }
      trigger.pipeline.checkState(from.state)
      return (await registration.fork(trigger, event, from)).info()
    })
  }

  exportRun(runId: string): Promise<Result<RunBundle>> {
    return this.#answer('export', () => exportRun(this.#context, runId))
  }

  importRun(bundle: RunBundle): Promise<Result<RunInfo>> {
    return this.#answer('import', () => importRun(this.#context, this.#registrations, bundle))
  }

  submit<Type extends EventType<Events>>(
    type: Type,
    payload: Events[Type],
    meta: EventMeta = {},
  ): Promise<Result<readonly DispatchResult[]>> {
    const { bus } = this.#context
    return this.#answer('submit', () =>
      this.#collector.publish(bus, type, payload, meta, () => this.#pending.written()),
    )
  }

  dispatches(query: DispatchQuery = {}): DispatchReport {
    return reportDispatches(this.#registrations.values(), this.#context.receipts, query)
  }

  hasWorkflow(workflowId: string): boolean {
    return this.#registrations.has(workflowId)
  }

  listWorkflows(): readonly string[] {
    return [...this.#registrations.keys()]
  }

  registry(workflowId: string): RegistrationInfo | undefined {
    const registration = this.#registrations.get(workflowId)
    return registration && describeRegistration(registration)
  }

  watch(workflowId: string, runId: string): RunInfo | undefined {
    const info = this.#context.runs.info(runId)
    return info?.workflowId === workflowId ? info : undefined
  }

  listAllRuns(): readonly RunInfo[] {
    return this.#context.runs.list()
  }

  stop(options: StopOptions = {}): Promise<void> {
    this.#stopping ??= this.#stop(options)
    return this.#stopping
  }

  /** Without its recovery a workflow is not registered. */
  async #recoverFirst(registration: Registration): Promise<void> {
    try {
      await this.#recoveries.first(registration)
    } catch (error) {
      if (this.#forget(registration)) {
        await this.#departures.leave(registration, `Workflow "${registration.id}" could not be recovered`, {})
      }
      throw error
    }
  }

  /** Returns whether it was registered: it may have been deregistered meanwhile, and another have taken its place. */
  #forget(registration: Registration): boolean {
    const isRegistered = this.#registrations.get(registration.id) === registration
    return isRegistered && this.#registrations.delete(registration.id)
  }

  async #stop(options: StopOptions): Promise<void> {
    this.#stopCommands()
    const stopped = new SystemError('UNAVAILABLE', 'The runtime was stopped')
    this.#stores.close()
    this.#recoveries.close(stopped)
    const registrations = [...this.#registrations.values()]
    this.#registrations.clear()
    await Promise.all([
      ...registrations.map((each) => this.#departures.leave(each, 'The runtime was stopped', options)),
      this.#departures.all(),
    ])
    this.#context.watches.close()
    await this.#pending.told()
    await this.#pending.settled()
    await this.#context.durability?.close(stopped)
    await this.#context.recorder?.close()
  }

  #onRun(verb: string, runId: string, act: (run: ActiveRun) => Promise<void>): Promise<Result<RunInfo>> {
    return this.#answer(verb, async () => {
      const run = this.#context.runs.find(runId)
      if (!run) throw notLive(this.#context, verb, runId)
      await act(run)
      return run.info()
    })
  }

  /** A call that never throws: what refuses it is its answer. */
  async #answer<Value>(verb: string, act: () => Promise<Value>): Promise<Result<Value>> {
    try {
      this.#assertRunning(verb)
      return { ok: true, value: await act() }
    } catch (error) {
      return { ok: false, error: refuse(error, noMetadata).error }
    }
  }

  #assertRunning(verb: string): void {
    if (!this.#stopping) return
    throw new SystemError('UNAVAILABLE', `Cannot ${verb}: the runtime was stopped`)
  }
}

const noMetadata = { runId: '', workflowId: '', triggerId: '', pipelineId: '' }
