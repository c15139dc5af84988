import type { AnyEventBus } from '../bus/event-bus.js'
import type { ArtifactContainer } from '../container/artifact-container.js'
import type { EventMap, EventMeta, EventType } from '../core/bus-event.js'
import { type TimerHandle, systemClock } from '../core/clock.js'
import { toMs } from '../core/duration.js'
import { uuidv7 } from '../core/ids.js'
import { freezePlainData } from '../core/plain-data.js'
import type { Result } from '../core/result.js'
import { SystemError, isSystemError } from '../core/system-error.js'
import type { TimelineRecorder } from '../timeline/timeline-recorder.js'
import type { TimelineStore } from '../timeline/timeline-store.js'
import type { ActiveRun } from './active-run.js'
import { createRecorder } from './create-recorder.js'
import { DispatchCollector } from './dispatch-collector.js'
import type { Durability, RecoveryReport } from './durable/durability.js'
import { type DispatchQuery, type DispatchResult, ReceiptLog } from './receipts.js'
import { refuse } from './refusal.js'
import { Registration } from './registration.js'
import { describeRegistration, reportDispatches } from './registration-report.js'
import type { RegistrationOptions } from './registration-options.js'
import { reportFault } from './report-fault.js'
import { type RunBundle, parseRunBundle } from './run-bundle.js'
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
  #recoveryTimer: TimerHandle
  /** How many workflows are being registered. */
  #registering = 0
  #receiving: { readonly open: () => void; readonly refuse: (reason: SystemError) => void }[] = []
  #receivingTimer: TimerHandle
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
      whenRegistered: () => this.#whenRegistered(),
      hookTimeoutMs: toMs(options.hookTimeout ?? '30s'),
      bufferLimit: options.bufferLimit ?? 1000,
      report,
    }
    const { timelineStore, storage } = options
    if (timelineStore) {
      parts.timelines = timelineStore
      parts.recorder = createRecorder(timelineStore, options, clock, report)
    }
    this.#openStorage = async () => {
      if (!storage?.isDurable || parts.durability) return
      const { openDurability } = await import('./durable/open-durability.js')
      if (parts.durability) return
      parts.durability = openDurability(storage, this.#context, claimTtlMs, timelineStore !== undefined)
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

  async register(workflow: WorkflowDefinition<Events>, options: RegistrationOptions = {}): Promise<void> {
    this.#registering++
    try {
      await this.#register(workflow, options)
    } finally {
      this.#registering--
      this.#openReceiving()
    }
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
    if (registration.durability) await this.#recoverFirst(registration.durability, registration)
    if (!registration.isClosed) registration.subscribe()
  }

  async recover(): Promise<RecoveryReport> {
    const reports: RecoveryReport[] = []
    for (const registration of this.#registrations.values()) {
      if (registration.durability) reports.push(await registration.durability.recover(registration))
    }
    const report = {
      recovered: reports.flatMap((each) => each.recovered),
      owned: reports.flatMap((each) => each.owned),
      parked: reports.flatMap((each) => each.parked),
    }
    this.#recoverLater(report)
    return report
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
      if (!run) throw this.#notLive('resume', runId)
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

  async fork(runId: string, options: ForkOptions): Promise<Result<RunInfo>> {
    try {
      this.#assertRunning('fork')
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
      return { ok: true, value: (await registration.fork(trigger, event, from)).info() }
    } catch (error) {
      return { ok: false, error: refuse(error, noMetadata).error }
    }
  }

  async exportRun(runId: string): Promise<Result<RunBundle>> {
    try {
      this.#assertRunning('export')
      const run = this.#context.runs.find(runId)
      const bundle = run ? await run.giveAway() : await this.#parts.durability?.registry.exported(runId)
      if (!bundle) throw this.#notLive('export', runId)
      return { ok: true, value: bundle }
    } catch (error) {
      return { ok: false, error: refuse(error, noMetadata).error }
    }
  }

  async importRun(given: RunBundle): Promise<Result<RunInfo>> {
    try {
      this.#assertRunning('import')
      const bundle = parseRunBundle(given)
      const { runId, workflowId } = bundle.checkpoint
      const registration = this.#registrations.get(workflowId)
      if (!registration) throw noWorkflow(workflowId)
      const isHere = new SystemError('DUPLICATE_KEY', `Cannot import run ${runId}: it is here already`, {
        context: { runId, workflowId },
      })
      if (this.#context.runs.info(runId)) throw isHere
      const contents = { ...bundle, checkpoint: registration.migrate(bundle.checkpoint) }
      registration.assertKnows(contents.checkpoint)
      const journal = registration.durability?.journal(registration, runId, bundle.epoch + 1, 1)
      await journal?.adopt(contents).catch((error: unknown) => {
        throw isSystemError(error) && error.code === 'CONFLICT' ? isHere : error
      })
      registration.recoverRun(contents, journal, [], undefined)
      return { ok: true, value: this.#context.runs.info(runId)! }
    } catch (error) {
      return { ok: false, error: refuse(error, noMetadata).error }
    }
  }

  async submit<Type extends EventType<Events>>(
    type: Type,
    payload: Events[Type],
    meta: EventMeta = {},
  ): Promise<Result<readonly DispatchResult[]>> {
    try {
      this.#assertRunning('submit')
      const { bus } = this.#context
      const value = await this.#collector.publish(bus, type, payload, meta, () => this.#written())
      return { ok: true, value }
    } catch (error) {
      return { ok: false, error: refuse(error, noMetadata).error }
    }
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

  /** What was left by processes that are gone comes before anything new. Without it the workflow is not registered. */
  async #recoverFirst(durability: Durability, registration: Registration): Promise<void> {
    try {
      this.#recoverLater(await durability.recover(registration))
    } catch (error) {
      this.#registrations.delete(registration.id)
      await this.#leave(registration, `Workflow "${registration.id}" could not be recovered`, {})
      throw error
    }
  }

  #whenRegistered(): Promise<void> {
    return new Promise((open, refuse) => {
      this.#receiving.push({ open, refuse })
      this.#openReceiving()
    })
  }

  /** On a timer, so that an application that registers one workflow after the other has registered all. */
  #openReceiving(): void {
    const { clock } = this.#context
    clock.clearTimeout(this.#receivingTimer)
    if (this.#registering > 0 || this.#receiving.length === 0) return
    this.#receivingTimer = clock.setTimeout(() => {
      for (const { open } of this.#receiving.splice(0)) open()
    }, 0)
  }

  /** A command on the bus has nobody to answer to: what refuses it is reported. */
  #answerCommand(type: string, result: Result<unknown>): void {
    if (!result.ok) this.#context.report(result.error, `Command ${type}`)
  }

  async #stop(options: StopOptions): Promise<void> {
    for (const unsubscribe of this.#commands) unsubscribe()
    this.#context.clock.clearTimeout(this.#recoveryTimer)
    this.#context.clock.clearTimeout(this.#receivingTimer)
    const stopped = new SystemError('UNAVAILABLE', 'The runtime was stopped')
    for (const { refuse: refuseIt } of this.#receiving.splice(0)) refuseIt(stopped)
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

  /** Looks again, as long as there are runs that others own, or that could not be read: either may pass. */
  #recoverLater(report: RecoveryReport): void {
    const { clock } = this.#context
    const { owned, parked } = report
    if (this.#stopping || !(owned.length > 0 || parked.some(({ error }) => error.code === 'STORAGE'))) return
    clock.clearTimeout(this.#recoveryTimer)
    const { ttlMs } = this.#context.durability!.ownership
    this.#recoveryTimer = clock.setTimeout(() => {
      this.recover().catch((error: unknown) => {
        this.#context.report(error, 'Recovering runs')
        this.#recoverLater(report)
      })
    }, ttlMs)
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

  async #onRun(
    verb: string,
    runId: string,
    act: (run: ActiveRun) => Promise<void>,
  ): Promise<Result<RunInfo>> {
    try {
      this.#assertRunning(verb)
      const run = this.#context.runs.find(runId)
      if (!run) throw this.#notLive(verb, runId)
      await act(run)
      return { ok: true, value: run.info() }
    } catch (error) {
      return { ok: false, error: refuse(error, noMetadata).error }
    }
  }

  #notLive(verb: string, runId: string): SystemError {
    const known = this.#context.runs.info(runId)
    return known
      ? new SystemError(
          'INVALID_COMMAND',
          `Cannot ${verb} run ${runId}: it ${known.status === 'queued' ? 'is still queued' : `has ${known.status} already`}`,
          {
            context: { runId, status: known.status },
          },
        )
      : new SystemError('NOT_FOUND', `Cannot ${verb} run ${runId}: there is no such run`, {
          context: { runId },
        })
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

function noWorkflow(workflowId: string): SystemError {
  return new SystemError('NOT_FOUND', `There is no workflow "${workflowId}": register it first`, {
    context: { workflowId },
  })
}
