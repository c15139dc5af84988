import type { Dependencies } from '../container/dependencies.js'
import type { BusEvent, EventMeta } from '../core/bus-event.js'
import type { Clock } from '../core/clock.js'
import type { Logger } from '../core/logger.js'
import type { StepExecutor } from '../core/step-executor.js'
import type { SystemError } from '../core/system-error.js'
import type { PipelineRun } from '../pipeline/pipeline-run.js'
import type { ResumeCause } from '../pipeline/resume-cause.js'
import type { RecordFunction, RunHost, WaitingPipeline } from '../pipeline/run-host.js'
import type { StateObject } from '../state/change.js'
import type { RunRecording } from '../timeline/run-recording.js'
import type { TimelinePosition } from '../timeline/timeline-store.js'
import type { CompiledTrigger } from './compiled-trigger.js'
import type { RunPersistence } from './durable/run-persistence.js'
import type { OutboxEntry } from './durable/store-registry.js'
import { findExecutor } from './executors.js'
import type { Ticket } from './modes/mode.js'
import { openRecording } from './open-recording.js'
import { toRunError } from './refusal.js'
import type { Registration } from './registration.js'
import { RunServices } from './run-services.js'
import type { RuntimeContext } from './runtime-context.js'
import type { Inbox, InboxHost, InboxRecord } from './waiting/inbox.js'
import { createPauseService } from './waiting/pause-service.js'
import { RunInboxes } from './waiting/run-inboxes.js'
import type { RunCheckpoint } from './workflow-definition.js'

/** Where a run comes from that an event alone did not begin: another process, or a point of another run. */
export interface RunOrigin {
  readonly startedAt?: number
  readonly state: StateObject
  /** The timeline that it goes on with; `unknown` where that cannot be told, so that nothing more is recorded. */
  readonly continues?: TimelinePosition | 'unknown' | undefined
  readonly parent?: RunCheckpoint['parent']
}

/**
 * The surroundings of one run, as the engine and the inboxes see them: services, events, waits, timeline, and the commit
 * of each boundary. What becomes of the run is for `RunLife` to say.
 */
export abstract class RunEnvironment implements RunHost, InboxHost {
  readonly runId: string
  readonly event: BusEvent
  readonly key: string | undefined
  readonly trigger: CompiledTrigger
  /** Epoch milliseconds. */
  readonly startedAt: number
  readonly record: RecordFunction | undefined
  readonly recording: RunRecording | undefined
  protected readonly registration: Registration
  protected readonly context: RuntimeContext
  protected pipeline: PipelineRun | undefined
  /** Absent where nothing outlives the process. */
  protected persistence: RunPersistence | undefined
  readonly #parent: RunCheckpoint['parent']
  #services: RunServices | undefined
  #inboxes: RunInboxes | undefined
  /** Resolves when all that was published so far was received. */
  protected received: Promise<unknown> = RECEIVED

  constructor(
    ticket: Ticket,
    trigger: CompiledTrigger,
    registration: Registration,
    context: RuntimeContext,
    from?: RunOrigin,
  ) {
    this.runId = ticket.runId
    this.event = ticket.event
    this.key = ticket.key
    this.trigger = trigger
    this.startedAt = from?.startedAt ?? context.clock.now()
    this.registration = registration
    this.context = context
    this.#parent = from?.parent
    this.recording = openRecording(context.recorder, registration, this, from)
    this.record = this.recording?.record
  }

  /** Whether nothing of the run will happen here any more. */
  protected abstract readonly isGone: boolean
  abstract wake(): void
  abstract interrupt(reason: SystemError): void
  abstract resumeBy(cause: ResumeCause, path?: string, assign?: Readonly<Record<string, string>>): void
  /** The run has ended, and that is committed. */
  protected abstract ended(status: 'succeeded' | 'failed' | 'aborted', error: SystemError | undefined): void
  /** The run cannot go on here. */
  protected abstract fail(error: unknown): void
  /** A wait is over. */
  protected abstract resumed(cause: ResumeCause): void

  get workflowId(): string {
    return this.registration.id
  }
  get pipelineId(): string {
    return this.trigger.pipeline.id
  }
  get state(): StateObject {
    return this.pipeline?.state ?? {}
  }
  get clock(): Clock {
    return this.context.clock
  }
  get random(): () => number {
    return this.context.random
  }
  get logger(): Logger {
    return this.context.logger
  }

  // ——— services and events

  use<Result>(callback: (deps: Dependencies) => Result, path: string): Result {
    return (this.#services ??= this.#createServices()).use(callback, path)
  }

  executor(name: string | undefined): StepExecutor | undefined {
    return findExecutor(this.context.executors, name)
  }

  createEvent(type: string, payload: unknown, meta?: EventMeta): BusEvent {
    return this.context.bus.createEvent(type, payload, meta)
  }

  protected publish(events: readonly BusEvent[]): void {
    for (const event of events) {
      try {
        this.context.bus.dispatch(event)
      } catch (error) {
        this.context.report(error, `Event ${event.type} of run ${this.runId}`)
      }
    }
  }

  /** Services and waits look at the state again. */
  protected stateChanged(): void {
    this.#services?.stateChanged()
    this.#inboxes?.stateChanged()
  }

  /** Ends waits at once, and services; returns a promise only when there is something to clean up. */
  protected disposeServices(): Promise<void> | undefined {
    this.#inboxes?.close()
    return this.#services?.dispose()
  }

  // ——— boundaries

  commit(events: readonly BusEvent[]): void | Promise<void> {
    const pausing = this.#inboxes?.takePausing()
    if (this.persistence) return this.#commitDurably(this.persistence, events, pausing)
    this.#committed(events, pausing)
  }

  keep(): Promise<void> | undefined {
    return this.persistence?.touch()
  }

  checkpoint(): RunCheckpoint {
    const { version } = this.registration
    return {
      runId: this.runId,
      workflowId: this.workflowId,
      triggerId: this.trigger.id,
      pipeline: this.trigger.pipelineKey,
      event: this.event,
      startedAt: this.startedAt,
      root: this.pipeline!.checkpoint(),
      ...(version === undefined ? {} : { version }),
      ...(this.key === undefined ? {} : { key: this.key }),
      ...(this.#parent ? { parent: this.#parent } : {}),
    }
  }

  get canGoOn(): boolean {
    return this.pipeline?.canGoOn ?? true
  }

  inboxRecords(): readonly InboxRecord[] {
    return this.#inboxes?.records() ?? []
  }

  async #commitDurably(
    persistence: RunPersistence,
    events: readonly BusEvent[],
    pausing: readonly Inbox[] | undefined,
  ): Promise<void> {
    const { status, error } = this.pipeline!
    const isOver = status !== 'running' && status !== 'paused'
    // The timeline is committed with the boundary: it must say by then where the run stands.
    if (!isOver) this.recording?.setStatus(status === 'paused' ? 'paused' : 'recording')
    const keys = isOver
      ? await persistence.end(status, error, events, this.registration.tellsEnd)
      : await persistence.save(events)
    if (isOver) this.ended(status, error)
    this.#committed(events, pausing)
    if (keys.length > 0) this.#forgetReceived(this.context.written(), persistence, keys)
  }

  /**
   * Events that were committed and perhaps never published leave as soon as nothing is being registered any more that
   * may receive them.
   */
  protected publishLeft(outbox: readonly OutboxEntry[], persistence: RunPersistence): void {
    if (outbox.length === 0) return
    const published = this.context.whenRegistered().then(() => {
      this.publish(outbox.map(({ event }) => event as BusEvent))
      return this.context.written()
    })
    this.#forgetReceived(
      published,
      persistence,
      outbox.map(({ key }) => key),
    )
  }

  /** Everybody was told of the end: what was kept for that goes. */
  protected forgetEnd(): void {
    const { persistence } = this
    if (!persistence) return
    // What cannot be deleted now is found, and told again, by the next process.
    this.context.tidy(this.received.then(() => persistence.settle()).catch(() => {}))
  }

  /** Events leave the outbox when those who receive them have kept what they need. */
  #forgetReceived(received: Promise<unknown>, persistence: RunPersistence, keys: readonly string[]): void {
    this.received = Promise.all([this.received, received]).then(() => persistence.published(keys))
    this.received.catch(() => {})
  }

  #committed(events: readonly BusEvent[], pausing: readonly Inbox[] | undefined): void {
    this.#services?.stateChanged()
    if (events.length > 0) this.publish(events)
    if (pausing) for (const inbox of pausing) inbox.park()
  }

  // ——— waits

  /** Most runs never wait: made when one does. */
  get inboxes(): RunInboxes {
    this.#inboxes ??= new RunInboxes(this, this.context.watches, (path) => this.pipeline?.at(path))
    return this.#inboxes
  }
  get startEventId(): string {
    return this.event.id
  }
  get bufferLimit(): number {
    return this.context.bufferLimit
  }

  opened(pipeline: WaitingPipeline): void {
    this.inboxes.at(pipeline.path, pipeline)
  }

  closed({ path }: WaitingPipeline): void {
    this.#inboxes?.closed(path)
  }

  waiting(pipeline: WaitingPipeline): void {
    this.inboxes.pausing(pipeline)
  }

  waited({ path }: WaitingPipeline, cause?: ResumeCause): void {
    this.#inboxes?.waited(path, cause)
    if (cause) this.resumed(cause)
  }

  resume(path: string, cause: ResumeCause, assign?: Readonly<Record<string, string>>): void {
    try {
      this.resumeBy(cause, path, assign)
    } catch (error) {
      // The event is taken and cannot be written into the state: that is a fault of the run.
      this.interrupt(toRunError(error, this.runId))
    }
  }

  note(type: string, payload: Readonly<Record<string, unknown>>): void {
    this.record?.('pipeline', type, payload)
    // What is kept for a later pause, or has ended this one, must outlive the process as well.
    if (this.persistence) this.context.track(this.touch(this.persistence))
  }

  fault(error: unknown, what: string): void {
    this.context.report(error, `Run ${this.runId}: ${what}`)
  }

  /** Keeps what came between two boundaries. Never rejects. */
  protected async touch(persistence: RunPersistence): Promise<void> {
    try {
      if (this.pipeline && !this.isGone) await persistence.touch()
    } catch (error) {
      this.fail(error)
    }
  }

  #createServices(): RunServices {
    return new RunServices(
      () => this.registration.openRunContainer(this),
      (path) =>
        createPauseService(
          (descriptor) => this.inboxes.at(path).register(this.context.ids(), descriptor),
          (watchId) => this.#inboxes?.find(path)?.cancel(watchId) ?? false,
        ),
      this.record,
    )
  }
}

const RECEIVED: Promise<unknown> = Promise.resolve()
