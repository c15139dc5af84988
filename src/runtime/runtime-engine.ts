import type { AnyEventBus } from '../bus/event-bus.js'
import type { ArtifactContainer } from '../container/artifact-container.js'
import type { EventMap, EventMeta, EventType } from '../core/bus-event.js'
import { systemClock } from '../core/clock.js'
import { toMs } from '../core/duration.js'
import { uuidv7 } from '../core/ids.js'
import { freezePlainData } from '../core/plain-data.js'
import type { Result } from '../core/result.js'
import { SystemError } from '../core/system-error.js'
import type { TimelineRecorder } from '../timeline/timeline-recorder.js'
import type { TimelineStore } from '../timeline/timeline-store.js'
import type { ActiveRun } from './active-run.js'
import { createRecorder } from './create-recorder.js'
import { DispatchCollector } from './dispatch-collector.js'
import type { MigrationCheckOptions, MigrationReport } from './durable/check-migrations.js'
import type { Durability, RecoveryReport } from './durable/durability.js'
import type { PruneReport, RetentionOptions } from './durable/retention-options.js'
import { exportRun, importRun } from './hand-over.js'
import { type DispatchQuery, type DispatchResult, ReceiptLog } from './receipts.js'
import { noWorkflow, notLive, refuse } from './refusal.js'
import { Recoveries } from './recoveries.js'
import { Registration } from './registration.js'
import { describeRegistration, reportDispatches } from './registration-report.js'
import type { RegistrationOptions } from './registration-options.js'
import { reportFault } from './report-fault.js'
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
  readonly #leaving = new Set<Promise<void>>()
  readonly #collector = new DispatchCollector()
  readonly #commands: readonly (() => void)[]
  readonly #openStorage: () => Promise<void>
  /** What is there only once storage was opened. */
  readonly #parts: { recorder?: TimelineRecorder; timelines?: TimelineStore; durability?: Durability } = {}
  /** Writes that are under way. */
  readonly #writes = new Set<Promise<void>>()
  readonly #checks = new Set<Promise<void>>()
  readonly #tidying = new Set<Promise<void>>()
  readonly #recoveries: Recoveries
  #stopping: Promise<void> | undefined

  constructor(options: WorkflowRuntimeOptions<Events>, services: ArtifactContainer) {
    const { clock = systemClock, ids = uuidv7, logger = console, random = Math.random } = options
    const bus: AnyEventBus = options.bus
    const report: RuntimeContext['report'] = (error, what) => reportFault(bus, logger, error, what)
    const claimTtlMs = toMs(options.claimTtl ?? '10s')
    const parts = this.#parts
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
        return parts.recorder
      },
      get durability() {
        return parts.durability
      },
      track: (write) => this.#track(write),
      tidy: (act) => keepIn(this.#tidying, act),
      check: (act) => keepIn(this.#checks, act),
      written: () => this.#written(),
      whenRegistered: () => this.#recoveries.whenRegistered(),
      hookTimeoutMs: toMs(options.hookTimeout ?? '30s'),
      bufferLimit: options.bufferLimit ?? 1000,
      report,
    }
    this.#recoveries = new Recoveries(this.#context, () => this.#registrations.values())
    const { timelineStore, storage, retention } = options
    if (timelineStore) {
      parts.timelines = timelineStore
      parts.recorder = createRecorder(timelineStore, options, clock, report)
    }
    this.#openStorage = async () => {
      if (!storage?.isDurable || parts.durability) return
      const { openDurability } = await import('./durable/open-durability.js')
      if (parts.durability) return
      const onOwnerGone = () => this.#recoveries.now()
      const durable = { claimTtlMs, timelineStore, retention, onOwnerGone }
      parts.durability = openDurability(storage, this.#context, durable)
      const { timelines } = parts.durability
      if (timelines) {
        parts.timelines = timelines
        parts.recorder = createRecorder(timelines, options, clock, report)
      }
    }
    this.#commands = [
      bus.subscribe('run:abort', ({ payload }) => {
        const { runId, reason } = payload as { runId: string; reason?: string }
        void this.abort(runId, reason).then((result) => this.#answerCommand('run:abort', result))
      }),
      bus.subscribe('run:signal', ({ payload }) => {
        const { runId, patch } = payload as { runId: string; patch: Record<string, unknown> }
        void this.signal(runId, patch).then((result) => this.#answerCommand('run:signal', result))
      }),
    ]
  }

  register(workflow: WorkflowDefinition<Events>, options: RegistrationOptions = {}): Promise<void> {
    return this.#recoveries.whileRegistering(() => this.#register(workflow, options))
  }

  async #register(workflow: WorkflowDefinition<Events>, given: RegistrationOptions): Promise<void> {
    this.#assertRunning('register')
    const { assertValidWorkflow } = await import('./validate-workflow.js')
    await this.#openStorage()
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
      this.#registrations.delete(id)
      await registration.dispose()
      throw error
    }
    // It may have been deregistered while its services were built.
    if (this.#registrations.get(id) !== registration) return
    if (registration.durability) await this.#recoverFirst(registration)
    if (!registration.isClosed) registration.subscribe()
  }

  recover(): Promise<RecoveryReport> {
    return this.#recoveries.all()
  }

  async prune(options: RetentionOptions): Promise<Result<PruneReport>> {
    return this.#answer('prune', async () => {
      await this.#openStorage()
      const { durability } = this.#parts
      return durability ? durability.prune(options) : { runs: 0, ids: 0, bytes: 0 }
    })
  }

  async checkMigrations(options: MigrationCheckOptions): Promise<Result<MigrationReport>> {
    return this.#answer('check migrations', async () => {
      await this.#openStorage()
      const { durability } = this.#parts
      if (!durability) return { checked: 0, stuck: [] }
      const { checkMigrations } = await import('./durable/check-migrations.js')
      const registered = [...this.#registrations.values()].map(({ workflow }) => workflow)
      return checkMigrations(durability.registry.driver, registered, options)
    })
  }

  async deregister(workflowId: string, options: StopOptions = {}): Promise<void> {
    const registration = this.#registrations.get(workflowId)
    if (!registration) throw noWorkflow(workflowId)
    this.#registrations.delete(workflowId)
    const leaving = this.#leave(registration, `Workflow "${workflowId}" was deregistered`, options)
    this.#leaving.add(leaving)
    await leaving
    this.#leaving.delete(leaving)
    if (!this.#registrations.has(workflowId)) this.#context.receipts.forget(workflowId)
  }

  async invoke(workflowId: string, triggerId: string, payload?: unknown): Promise<RunResult> {
    const metadata = { runId: '', workflowId, triggerId, pipelineId: '' }
    try {
      this.#assertRunning('invoke')
      const { registration, trigger } = this.#findTrigger(workflowId, triggerId)
      const run = registration.invoke(trigger, toTriggerEvent(this.#context.bus, trigger, payload))
      return await run.nextStop()
    } catch (error) {
      return refuse(error, metadata)
    }
  }

  async resume(runId: string, patch?: Readonly<Record<string, unknown>>): Promise<RunResult> {
    const run = this.#context.runs.find(runId)
    const metadata = {
      runId,
      workflowId: run?.workflowId ?? '',
      triggerId: run?.trigger.id ?? '',
      pipelineId: run?.pipelineId ?? '',
    }
    try {
      this.#assertRunning('resume')
      if (!run) throw notLive(this.#context, 'resume', runId)
      run.resumeBy({ kind: 'manual', ...(patch ? { patch } : {}) })
      return await run.nextStop()
    } catch (error) {
      return refuse(error, metadata)
    }
  }

  signal(runId: string, patch: Readonly<Record<string, unknown>>): Promise<Result<RunInfo>> {
    return this.#onRun('signal', runId, (run) => run.signalWith(patch))
  }

  async abort(runId: string, reason = 'Asked for'): Promise<Result<RunInfo | undefined>> {
    if (!this.#context.runs.find(runId)) {
      for (const registration of this.#registrations.values()) {
        if (!registration.withdraw(runId, reason)) continue
        await Promise.all(this.#writes)
        return { ok: true, value: undefined }
      }
    }
    return this.#onRun('abort', runId, async (run) => {
      run.abort(reason)
      await run.settled
    })
  }

  fork(runId: string, options: ForkOptions): Promise<Result<RunInfo>> {
    return this.#answer('fork', async () => {
      const store = this.#parts.timelines
      if (!store) throw new SystemError('UNAVAILABLE', 'Cannot fork: the runtime records no timelines')
      await this.#context.recorder?.flush()
      const { findForkPoint } = await import('./fork-point.js')
      const point = await findForkPoint(store, runId, options)
      const { workflowId, metadata } = point.meta
      const { registration, trigger } = this.#findTrigger(workflowId, String(metadata?.['triggerId']))
      const { event = this.#context.runs.info(runId)?.event, state = point.state } = options
      if (!event) {
        throw new SystemError(
          'NOT_FOUND',
          `Cannot fork run ${runId}: its event is not known here any more; give it as "event"`,
          { context: { runId } },
        )
      }
      const from = { ...point, state: freezePlainData(state) }
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
      this.#collector.publish(bus, type, payload, meta, () => this.#written()),
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
      this.#registrations.delete(registration.id)
      await this.#leave(registration, `Workflow "${registration.id}" could not be recovered`, {})
      throw error
    }
  }

  /** A command on the bus has nobody to answer to: what refuses it is reported. */
  #answerCommand(type: string, result: Result<unknown>): void {
    if (!result.ok) this.#context.report(result.error, `Command ${type}`)
  }

  async #stop(options: StopOptions): Promise<void> {
    for (const unsubscribe of this.#commands) unsubscribe()
    const stopped = new SystemError('UNAVAILABLE', 'The runtime was stopped')
    this.#recoveries.close(stopped)
    const registrations = [...this.#registrations.values()]
    this.#registrations.clear()
    await Promise.all([
      ...registrations.map((each) => this.#leave(each, 'The runtime was stopped', options)),
      ...this.#leaving,
    ])
    this.#context.watches.close()
    await Promise.all([...this.#writes, ...this.#tidying])
    await this.#context.durability?.close(stopped)
    await this.#context.recorder?.close()
  }

  async #leave(
    registration: Registration,
    reason: string,
    { drain = false, timeout = '30s' }: StopOptions,
  ): Promise<void> {
    registration.close(reason, true)
    if (drain) await this.#drained(registration, toMs(timeout))
    const left = new SystemError(
      'UNAVAILABLE',
      `${reason}: the run is kept, and goes on when it is recovered`,
    )
    if (registration.durability) registration.suspendAll(left)
    else registration.abortAll(reason)
    registration.patience?.end(left)
    await registration.idle()
    if (registration.patience) await Promise.all([...this.#writes, ...this.#tidying])
    registration.patience?.close()
    await registration.dispose()
  }

  /** What was asked of the store until now, and what follows from it, is done. */
  async #written(): Promise<void> {
    await Promise.all(this.#checks)
    await Promise.all(this.#writes)
  }

  #track(write: Promise<void>): void {
    const settled = write.then(
      () => void this.#writes.delete(settled),
      () => void this.#writes.delete(settled),
    )
    this.#writes.add(settled)
  }

  /** Resolves when every run has ended or sleeps, or when the time is up. */
  #drained(registration: Registration, timeoutMs: number): Promise<void> {
    const { clock } = this.#context
    return new Promise((resolve) => {
      const timer = clock.setTimeout(resolve, timeoutMs)
      const running = registration.runs.filter(({ status }) => status === 'running')
      void Promise.all(running.map((run) => run.released)).then(() => {
        clock.clearTimeout(timer)
        resolve()
      })
    })
  }

  #findTrigger(workflowId: string, triggerId: string) {
    const registration = this.#registrations.get(workflowId)
    if (!registration) throw noWorkflow(workflowId)
    const trigger = registration.triggers.get(triggerId)
    if (trigger) return { registration, trigger }
    const known = [...registration.triggers.keys()].join(', ')
    const message = `Workflow "${workflowId}" has no trigger "${triggerId}": its triggers are ${known}`
    throw new SystemError('NOT_FOUND', message, { context: { workflowId, triggerId } })
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

/** Keeps a promise that does not reject until it settles. */
function keepIn(acts: Set<Promise<void>>, act: Promise<void>): void {
  acts.add(act)
  void act.then(() => acts.delete(act))
}

const noMetadata = { runId: '', workflowId: '', triggerId: '', pipelineId: '' }
