import { ArtifactContainer } from '../container/artifact-container.js'
import { serviceTemplates } from '../container/service-templates.js'
import type { EventMap, EventMeta, EventType } from '../core/bus-event.js'
import { toMs } from '../core/duration.js'
import type { Result } from '../core/result.js'
import { SystemError } from '../core/system-error.js'
import type { TimelineStore } from '../timeline/timeline-store.js'
import type { MigrationCheckOptions, MigrationReport } from './durable/check-migrations.js'
import type { RecoveryReport } from './durable/durability.js'
import type { PruneReport, RetentionOptions } from './durable/retention-options.js'
import { type DispatchQuery, type DispatchResult, noReceipts } from './receipts.js'
import type { RegistrationOptions } from './registration-options.js'
import type { RunBundle } from './run-bundle.js'
import type { RunInfo, RunResult } from './run-result.js'
import type { RuntimeEngine } from './runtime-engine.js'
import type {
  DispatchReport,
  ForkOptions,
  RegistrationInfo,
  StopOptions,
  WorkflowRuntimeOptions,
} from './runtime-options.js'
import type { WorkflowDefinition } from './workflow-definition.js'
import './run-events.js'

/**
 * Runs workflows for the events of a bus.
 *
 * Methods that act on runs return a `Result` and never throw; `register`, `deregister` and `recover` reject with a
 * `SystemError`. After `stop()` all of them say `UNAVAILABLE`; what only looks goes on answering.
 *
 * The engine behind it is loaded when it is first needed, with the first workflow at the latest: a page that only
 * publishes does not carry it.
 */
export class WorkflowRuntime<Events extends EventMap = Record<string, unknown>> {
  readonly #options: WorkflowRuntimeOptions<Events>
  readonly #services: ArtifactContainer
  #engine: RuntimeEngine<Events> | undefined
  #loading: Promise<RuntimeEngine<Events>> | undefined
  #stopping: Promise<void> | undefined

  /** @throws {SystemError} `VALIDATION` when an option is malformed. */
  constructor(options: WorkflowRuntimeOptions<Events>) {
    const { clock, logger, services, claimTtl = 0, hookTimeout = 0, retention = {} } = options
    for (const each of [claimTtl, hookTimeout, retention.olderThan ?? 0, retention.rememberIds ?? 0])
      toMs(each)
    checkCount('retention.maxRuns', retention.maxRuns)
    checkCount('retention.maxBytes', retention.maxBytes)
    for (const name of ['bufferLimit', 'maxReceipts', 'maxEndedRuns'] as const)
      checkCount(name, options[name])
    this.#options = options
    this.#services = new ArtifactContainer({ ...(clock ? { clock } : {}), ...(logger ? { logger } : {}) })
    this.#services.register(serviceTemplates(services, 'services'))
  }

  /**
   * A timeline store in an IndexedDB database, for tests; in Node with a package such as fake-indexeddb.
   *
   * @param database Its name. @default 'busline-test'
   */
  static async createTestTimelineStore(database = 'busline-test'): Promise<TimelineStore> {
    const [{ indexedDbStorage }, { StoredTimelineStore }] = await Promise.all([
      import('../storage/indexeddb/index.js'),
      import('../timeline/stored-timeline-store.js'),
    ])
    return new StoredTimelineStore(indexedDbStorage({ name: database }))
  }

  /**
   * Registers a workflow: from here on its triggers are on the bus.
   * Rejects with `VALIDATION`, listing every fault, `DUPLICATE_KEY` when the id is taken, or with the fault of a service
   * that is built eagerly; nothing is changed then.
   */
  async register(workflow: WorkflowDefinition<Events>, options: RegistrationOptions = {}): Promise<void> {
    const engine = await this.#load()
    return engine.register(workflow, options)
  }

  /**
   * Goes on with runs that did not finish, of all workflows that are registered, as far as nobody else owns them. Also
   * done by `register`, and again as long as others own some. Without a storage there is nothing to find. Rejects with
   * `UNAVAILABLE` when the runtime was stopped, and with the fault of the store when that fails.
   */
  async recover(): Promise<RecoveryReport> {
    const engine = await this.#load()
    return engine.recover()
  }

  /**
   * Removes what is left of runs that have ended, of all workflows, as far as it exceeds the limits: how they ended, their
   * timelines, and the ids of their events once those need not be known any more. Runs that have not ended are never
   * touched. May be called at any time, and by several processes at once. `UNAVAILABLE` when `stop()` cuts it short: what is
   * left goes with the next one.
   */
  async prune(options: RetentionOptions = {}): Promise<Result<PruneReport>> {
    const engine = await this.#load()
    return engine.prune(options)
  }

  /**
   * Finds out which runs that have not ended could not go on under the present workflows, or under those given: brings
   * each to its new version as a recovery would, and writes nothing. A page at a time.
   */
  async checkMigrations(options: MigrationCheckOptions = {}): Promise<Result<MigrationReport>> {
    const engine = await this.#load()
    return engine.checkMigrations(options)
  }

  /**
   * Takes a workflow from the bus at once; events that wait are `dropped`, runs are aborted (with `drain`, only those
   * that have not ended in time), its services are disposed of. Resolves when all that is done.
   * One that is leaving already is only waited for. Rejects with `NOT_FOUND` when there is no such workflow, and with
   * `VALIDATION` when `timeout` is no duration.
   */
  async deregister(workflowId: string, options: StopOptions = {}): Promise<void> {
    const engine = this.#engine ?? (await this.#load())
    return engine.deregister(workflowId, options)
  }

  /**
   * Starts a run past bus, gates and mode, with a payload or a whole event. Resolves when it ends or pauses.
   * The payload must fit the trigger's schema; `when` is not asked.
   */
  async invoke(workflowId: string, triggerId: string, payload?: unknown): Promise<RunResult> {
    const engine = this.#engine ?? (await this.#load())
    return engine.invoke(workflowId, triggerId, payload)
  }

  /** Continues a paused run. Resolves when it ends or pauses again. Of two at once one is refused with `INVALID_COMMAND`. */
  async resume(runId: string, patch?: Readonly<Record<string, unknown>>): Promise<RunResult> {
    const engine = this.#engine ?? (await this.#load())
    return engine.resume(runId, patch)
  }

  /**
   * Writes into the state of a live run at its next safe point: between stages, at once when it is paused. Resolves
   * when it has landed, so a step must not wait for a signal to its own run.
   */
  async signal(runId: string, patch: Readonly<Record<string, unknown>>): Promise<Result<RunInfo>> {
    const engine = this.#engine ?? (await this.#load())
    return engine.signal(runId, patch)
  }

  /** Ends a queued, running or paused run. Resolves when it has settled, compensation included. */
  async abort(runId: string, reason?: string): Promise<Result<RunInfo | undefined>> {
    const engine = this.#engine ?? (await this.#load())
    return engine.abort(runId, reason)
  }

  /**
   * Starts a new run from a point of a recorded one: after an event of its timeline, or at the first visit of a stage,
   * with the state of that point or another. Stages that were committed before are data, and not executed again; the
   * one that was under way is. Needs a timeline store. The new timeline names its parent in its metadata
   * (`parentRunId`, `parentSeq`). Resolves when the run has begun.
   */
  async fork(runId: string, options: ForkOptions): Promise<Result<RunInfo>> {
    const engine = this.#engine ?? (await this.#load())
    return engine.fork(runId, options)
  }

  /**
   * Takes a paused run out of this runtime, as plain data for `importRun` of another. From here on nothing of it happens
   * here: its claim is given up in the commit that stores the bundle, and whoever waits for it gets `UNAVAILABLE`. Asked
   * again, it answers the same bundle, until that is imported into the same store. Its timeline stays. A run that is
   * not paused is refused with `INVALID_COMMAND`: it is at rest at its next pause.
   */
  async exportRun(runId: string): Promise<Result<RunBundle>> {
    const engine = this.#engine ?? (await this.#load())
    return engine.exportRun(runId)
  }

  /**
   * Goes on with a run of another runtime: under its id, in its state, with the events that were kept for it. Its
   * workflow must be registered (`NOT_FOUND`), in its version or with a `migrate` (`VERSION_MISMATCH`). A run that is
   * here, or was, is refused with `DUPLICATE_KEY`.
   */
  async importRun(bundle: RunBundle): Promise<Result<RunInfo>> {
    const engine = this.#engine ?? (await this.#load())
    return engine.importRun(bundle)
  }

  /**
   * Publishes an event and resolves to the receipts it got, one per trigger that matched. With the id of an event that
   * was here before, they say `duplicate`.
   */
  async submit<Type extends EventType<Events>>(
    type: Type,
    payload: Events[Type],
    meta: EventMeta = {},
  ): Promise<Result<readonly DispatchResult[]>> {
    const engine = this.#engine ?? (await this.#load())
    return engine.submit(type, payload, meta)
  }

  /** Answers "why did my event do nothing?". */
  dispatches(query: DispatchQuery = {}): DispatchReport {
    return this.#engine?.dispatches(query) ?? { ...noReceipts(), active: [], queued: 0 }
  }

  hasWorkflow(workflowId: string): boolean {
    return this.#engine?.hasWorkflow(workflowId) ?? false
  }

  listWorkflows(): readonly string[] {
    return this.#engine?.listWorkflows() ?? []
  }

  /** What a workflow is registered with; `undefined` when it is not. */
  registry(workflowId: string): RegistrationInfo | undefined {
    return this.#engine?.registry(workflowId)
  }

  /** A run as it is now, or was when it ended; `undefined` when it is not known, or no longer. */
  watch(workflowId: string, runId: string): RunInfo | undefined {
    return this.#engine?.watch(workflowId, runId)
  }

  /** All runs that live, and the last ones that ended. */
  listAllRuns(): readonly RunInfo[] {
    return this.#engine?.listAllRuns() ?? []
  }

  /**
   * Ends everything: nothing is accepted any more, events that wait are `dropped`, runs are aborted, services disposed
   * of; hooks that are at work are waited for, `onCleanup` too. Leaves no timer, no subscription and no promise behind. The bus stays open. The same promise, if called again.
   * Rejects with `VALIDATION`, and goes on, when `timeout` is no duration.
   */
  stop(options: StopOptions = {}): Promise<void> {
    try {
      toMs(options.timeout ?? 0)
    } catch (error) {
      return Promise.reject(error)
    }
    this.#stopping ??= this.#stop(options)
    return this.#stopping
  }

  close(): Promise<void> {
    return this.stop()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  async #stop(options: StopOptions): Promise<void> {
    // One that never had anything to do has nothing to end.
    const engine = this.#engine ?? (await this.#loading)
    await engine?.stop(options)
    await this.#services.dispose()
  }

  #load(): Promise<RuntimeEngine<Events>> {
    this.#loading ??= import('./runtime-engine.js').then(({ RuntimeEngine }) => {
      this.#engine = new RuntimeEngine(this.#options, this.#services)
      if (this.#stopping) void this.#engine.stop()
      return this.#engine
    })
    return this.#loading
  }
}

function checkCount(name: string, count: number | undefined): void {
  if (count === undefined || count >= 0) return
  throw new SystemError(
    'VALIDATION',
    `Cannot open a runtime with "${name}" of ${count}: it must be 0 or more`,
  )
}
