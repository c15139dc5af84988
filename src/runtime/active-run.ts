import { SystemError, serializeError } from '../core/system-error.js'
import type { BusEvent } from '../core/bus-event.js'
import type { Address } from '../pipeline/address.js'
import { PipelineRun } from '../pipeline/pipeline-run.js'
import type { ResumeCause } from '../pipeline/resume-cause.js'
import { type StateObject, toChange } from '../state/change.js'
import { callHook } from './call-hook.js'
import type { RunPersistence } from './durable/run-persistence.js'
import type { RunRecord } from './durable/run-record.js'
import type { OutboxEntry } from './durable/store-registry.js'
import type { ForkPoint } from './fork-point.js'
import { Latch } from './latch.js'
import type { ModeRun } from './modes/mode.js'
import { toRunError } from './refusal.js'
import type { Registration } from './registration.js'
import { RunEnvironment } from './run-environment.js'
import type { RunEventPayload } from './run-events.js'
import { BUNDLE_LAYOUT, type RunBundle } from './run-bundle.js'
import type { RunHookContext } from './run-hooks.js'
import type { RunInfo, RunMetadata, RunResult, RunStatus } from './run-result.js'

/** How a mode wants to hear of a resume: when the run may go on. */
type TakeSlot = (go: () => void) => void

/** What makes a run durable before it begins. */
export interface RunKeeping {
  readonly persistence: RunPersistence
  /** Resolves when the run and its event are safe. */
  create(): Promise<void>
  /** It ends before it begins; resolves when that is safe. */
  createFailed(error: SystemError): Promise<void>
  accepted(): void
  /** It was not taken: the event was accepted before, or cannot be stored. */
  refused(error: SystemError): void
}

/**
 * One run in this process: drives its pipeline, and is what the engine, the mode and the inboxes know of the runtime.
 *
 * Invariants:
 * - A1 the pipeline is advanced by one loop at a time;
 * - A2 a run settles once: `onComplete`, then bookkeeping (services, directory, slot, event on the bus, waiting
 *   callers), then `onCleanup`;
 * - A3 each leg ends once, by a pause or by the end, and whoever waits for it is answered.
 */
export class ActiveRun extends RunEnvironment implements ModeRun {
  readonly #settled = new Latch()
  #released = new Latch()
  #status: RunStatus = 'running'
  #error: SystemError | undefined
  #endedAt: number | undefined
  #isSettled = false
  /** Whether the books are kept as well. */
  #isFinished = false
  #isDetached = false
  #isDriving = false
  #holdsSlot = true
  #takeSlot: TakeSlot | undefined
  /** Asked to end before there was a pipeline to tell. */
  #earlyAbort: SystemError | undefined
  #resumes: ResumeCause[] = []
  #waiters: ((result: RunResult) => void)[] = []

  // ——— as the mode sees it

  get settled(): Promise<void> {
    return this.#settled.opened
  }
  get released(): Promise<void> {
    return this.#released.opened
  }
  get isAborted(): boolean {
    return this.#status === 'aborted'
  }
  get hasEnded(): boolean {
    return this.#endedAt !== undefined
  }

  signal(event: BusEvent): boolean {
    if (this.hasEnded || !this.pipeline || this.pipeline.isEnding) return false
    const patch = this.registration.toPatch(event)
    if (patch === undefined) return true
    const isAsleep = this.pipeline.status === 'paused'
    this.pipeline
      .signal(patch)
      .then(() => {
        // A run that is awake keeps it at its next boundary.
        if (isAsleep && this.persistence) this.context.track(this.touch(this.persistence))
      })
      .catch((error: unknown) => this.context.report(error, `Signal to ${this.runId}`))
    this.stateChanged()
    return true
  }

  abort(reason: string): void {
    this.interrupt(
      new SystemError('ABORTED', `Run ${this.runId} was aborted: ${reason}`, {
        context: { runId: this.runId, workflowId: this.workflowId, reason },
      }),
    )
  }

  // ——— as the runtime sees it

  belongsTo(registration: Registration): boolean {
    return registration === this.registration
  }
  get status(): RunStatus {
    return this.#status
  }
  info(): RunInfo {
    const stageId = this.hasEnded ? undefined : this.pipeline?.stageId
    const info: { -readonly [Name in keyof RunInfo]: RunInfo[Name] } = {
      runId: this.runId,
      workflowId: this.workflowId,
      triggerId: this.trigger.id,
      pipelineId: this.pipelineId,
      status: this.#status,
      state: this.state,
      startedAt: this.startedAt,
      eventId: this.event.id,
      event: this.event,
    }
    if (this.key !== undefined) info.key = this.key
    if (stageId !== undefined) info.stageId = stageId
    if (this.#endedAt !== undefined) info.endedAt = this.#endedAt
    if (this.#error) info.error = this.#error
    return info
  }

  /**
   * @param takeSlot How a paused run comes to run again. @default at once, for a run that passed its mode by
   * @param keep What makes the run durable before it begins. @default nothing
   */
  begin(takeSlot?: TakeSlot, keep?: RunKeeping): void {
    this.#takeSlot = takeSlot
    this.persistence = keep?.persistence
    if (!keep) this.#announce('run:started')
    let state: StateObject
    try {
      state = this.trigger.pipeline.initialState(this.event)
      this.trigger.pipeline.checkState(state)
    } catch (error) {
      return this.#failAtOnce(toRunError(error, this.runId), keep)
    }
    if (!this.registration.hooks.onPrepare) return this.#open(state, keep)
    const context = this.#hookContext(
      () => state,
      (output) => {
        const change = toChange(state, output)
        if (!change) return
        this.trigger.pipeline.checkState(change.next)
        state = change.next
      },
    )
    const prepared = callHook(this.context, 'onPrepare', this.registration.hooks.onPrepare, context)
    if (prepared) void prepared.then(() => this.#open(state, keep))
    else this.#open(state, keep)
  }

  /** Begins at a point of another run: what was committed before it is data. */
  beginAt({ state, stageId }: ForkPoint, keep?: RunKeeping): void {
    this.persistence = keep?.persistence
    if (!keep) this.#announce('run:started')
    this.#open(state, keep, stageId === undefined ? undefined : { stage: stageId })
  }

  /** Goes on with a run of a process that is gone, or of a runtime that was stopped. */
  recover(
    record: Pick<RunRecord, 'checkpoint' | 'inboxes' | 'savedAt'>,
    persistence: RunPersistence | undefined,
    outbox: readonly OutboxEntry[],
    takeSlot: TakeSlot,
  ): void {
    this.#takeSlot = takeSlot
    this.persistence = persistence
    const { root } = record.checkpoint
    this.pipeline = PipelineRun.restore(this.trigger.pipeline, this, root, undefined, record.savedAt)
    this.inboxes.restore(record.inboxes)
    if (persistence) this.publishLeft(outbox, persistence)
    const pausing = this.inboxes.takePausing()
    if (this.pipeline.status === 'paused') {
      this.#status = 'paused'
      this.#holdsSlot = false
      this.#released.open()
    }
    // The attempts are counted before they are made: a run that brings the process down must be known by it. One that
    // sleeps has not changed, and is saved when it wakes.
    const hasChanged = this.pipeline.status !== 'paused' || root.status !== 'paused'
    const saved = hasChanged ? persistence?.save([]) : persistence?.adopt(record.checkpoint)
    Promise.resolve(saved).then(
      () => {
        for (const inbox of pausing) inbox.park()
        if (this.pipeline!.status === 'running') this.wake()
      },
      (error: unknown) => this.fail(error),
    )
  }

  /** Leaves the run to whoever recovers it. */
  suspend(reason: SystemError): void {
    if (this.isGone) return
    this.pipeline?.abandon(reason)
    if (!this.#isDriving) this.#detach(reason)
  }

  /**
   * Gives the run away: nothing of it happens here any more. Only a run that sleeps can be moved.
   *
   * @throws {SystemError} `INVALID_COMMAND` when it does not.
   */
  async giveAway(): Promise<RunBundle> {
    // Events that it published may still be on their way into the store of whoever receives them.
    await this.received
    const { pipeline, persistence, runId } = this
    if (pipeline?.status !== 'paused' || this.#status !== 'paused' || this.isGone) {
      const message = `Cannot export run ${runId}: it is ${this.#status}; export it when it has paused`
      throw new SystemError('INVALID_COMMAND', message, { context: { runId, status: this.#status } })
    }
    const bundle = structuredClone({
      layout: BUNDLE_LAYOUT,
      epoch: persistence?.epoch ?? 0,
      savedAt: this.clock.now(),
      checkpoint: this.checkpoint(),
      inboxes: this.inboxRecords(),
    })
    const released = persistence?.release(bundle)
    this.suspend(
      new SystemError('UNAVAILABLE', `Run ${runId} was exported: it goes on where it is imported`, {
        context: { runId },
      }),
    )
    await released
    return bundle
  }

  interrupt(reason: SystemError): void {
    if (this.hasEnded) return
    if (!this.pipeline) return void (this.#earlyAbort ??= reason)
    this.pipeline.interrupt(reason)
    // It may have been resumed and wait for a slot: to come to its end it needs none.
    this.wake()
  }

  /** Ends the wait of a paused run. Throws what {@link PipelineRun.resume} throws. */
  resumeBy(cause: ResumeCause, path?: string, assign?: Readonly<Record<string, string>>): void {
    if (!this.pipeline || this.hasEnded) {
      throw new SystemError('INVALID_COMMAND', `Cannot resume: the run is ${this.#status}, not paused`, {
        context: { runId: this.runId, status: this.#status },
      })
    }
    this.pipeline.resume(cause, { path, assign })
  }

  async signalWith(patch: Readonly<Record<string, unknown>>): Promise<void> {
    if (!this.pipeline || this.hasEnded) {
      throw new SystemError('INVALID_COMMAND', `Cannot signal the run: it is ${this.#status}`, {
        context: { runId: this.runId, status: this.#status },
      })
    }
    const landed = this.pipeline.signal(patch)
    this.stateChanged()
    await landed
    if (this.persistence) await this.touch(this.persistence)
  }

  /** The end of the present leg: the next pause, or the end of the run. */
  nextStop(): Promise<RunResult> {
    if (this.#isFinished) return Promise.resolve(this.#result())
    return new Promise((resolve) => this.#waiters.push(resolve))
  }

  protected get isGone(): boolean {
    return this.hasEnded || this.#isDetached
  }

  wake(): void {
    if (this.#isDriving || this.isGone) return
    // A run that only has to end needs no slot for it.
    if (this.#holdsSlot || !this.#takeSlot || this.pipeline!.isEnding) return void this.#drive()
    this.#takeSlot(() => {
      if (this.isGone) return
      this.#released = new Latch()
      this.#holdsSlot = true
      if (!this.#isDriving) void this.#drive()
    })
  }

  // ——— its life

  #open(state: StateObject, keep: RunKeeping | undefined, at?: Address): void {
    if (this.isGone) return keep?.refused(this.#error!)
    this.pipeline = PipelineRun.start(this.trigger.pipeline, this, state, undefined, at)
    if (this.#earlyAbort) this.pipeline.interrupt(this.#earlyAbort)
    if (!keep) return void this.#drive()
    keep.create().then(
      () => {
        keep.accepted()
        this.#announce('run:started')
        void this.#drive()
      },
      (error: unknown) => {
        this.persistence = undefined
        const reason = toRunError(error, this.runId)
        this.pipeline!.abandon(reason)
        this.#detach(reason)
        keep.refused(reason)
      },
    )
  }

  /** There is no state to begin with. */
  #failAtOnce(reason: SystemError, keep: RunKeeping | undefined): void {
    this.persistence = undefined
    if (!keep) return this.#settle('failed', reason)
    keep.createFailed(reason).then(
      () => {
        keep.accepted()
        this.#announce('run:started')
        this.#settle('failed', reason)
      },
      (error: unknown) => {
        const fault = toRunError(error, this.runId)
        this.#detach(fault)
        keep.refused(fault)
      },
    )
  }

  async #drive(): Promise<void> {
    const pipeline = this.pipeline!
    this.#isDriving = true
    try {
      if (this.#status === 'paused') {
        this.#beginLeg()
        await this.persistence?.touch()
      }
      while (pipeline.status === 'running') {
        if (this.#resumes.length > 0) await this.#callOnResume()
        await pipeline.advance()
      }
    } catch (error) {
      this.#isDriving = false
      return this.fail(error)
    }
    this.#isDriving = false
    if (pipeline.status === 'paused') this.#endLeg()
    else this.#settle(pipeline.status, pipeline.error)
  }

  /** The run cannot go on here: because it is another's now, or because what it came to cannot be stored. */
  protected fail(error: unknown): void {
    const reason = toRunError(error, this.runId)
    const persistence = this.persistence
    if (!persistence) return this.#settle('failed', reason)
    this.pipeline?.abandon(reason)
    if (reason.code !== 'VALIDATION' && reason.code !== 'CAPACITY') return this.#detach(reason)
    persistence.fail(reason, this.registration.tellsEnd).then(
      () => this.#settle('failed', reason),
      (fault: unknown) => this.#detach(toRunError(fault, this.runId)),
    )
  }

  /** Gone from here without an end: whoever owns it now goes on with it. No hook is called. */
  #detach(reason: SystemError): void {
    if (this.#isDetached || this.#isFinished) return
    this.#isDetached = true
    this.#error = reason
    if (reason.code === 'FENCED') this.context.report(reason, `Run ${this.runId}`)
    const leave = () => {
      this.context.runs.leave(this)
      this.registration.ended()
      this.#released.open()
      this.#settled.open()
      const metadata = { ...this.#metadata(), status: 'aborted' as const }
      for (const resolve of this.#waiters.splice(0)) resolve({ ok: false, error: reason, metadata })
    }
    const disposed = this.disposeServices()
    if (disposed) void disposed.then(leave)
    else leave()
  }

  #beginLeg(): void {
    this.#status = 'running'
    this.recording?.setStatus('recording')
    this.#announce('run:resumed')
  }

  #endLeg(): void {
    this.#status = 'paused'
    this.recording?.setStatus('paused')
    this.#announce('run:paused')
    this.#holdsSlot = false
    this.#released.open()
    this.#answer()
  }

  async #callOnResume(): Promise<void> {
    for (const resume of this.#resumes.splice(0)) {
      const { onResume } = this.registration.hooks
      const pipeline = this.pipeline!
      const context = this.#hookContext(
        () => pipeline.state,
        (change) => pipeline.write(change),
        resume,
      )
      await callHook(this.context, 'onResume', onResume, context)
    }
  }

  #settle(status: 'succeeded' | 'failed' | 'aborted', error?: SystemError): void {
    if (this.#isSettled || this.#isDetached) return
    this.#isSettled = true
    this.ended(status, error)
    const { onComplete } = this.registration.hooks
    const completed = onComplete && callHook(this.context, 'onComplete', onComplete, this.#result())
    if (completed) void completed.then(() => this.#keepBooks())
    else this.#keepBooks()
  }

  protected ended(status: 'succeeded' | 'failed' | 'aborted', error: SystemError | undefined): void {
    if (this.hasEnded) return
    this.#status = status
    this.#error = error
    this.#endedAt = this.context.clock.now()
    this.recording?.setStatus(status === 'succeeded' ? 'complete' : status)
  }

  #keepBooks(): void {
    const disposed = this.disposeServices()
    if (disposed) void disposed.then(() => this.#finish())
    else this.#finish()
  }

  #finish(): void {
    this.#isFinished = true
    this.context.runs.end(this)
    this.registration.ended()
    const type = { succeeded: 'run:completed', failed: 'run:failed', aborted: 'run:aborted' } as const
    this.#announce(type[this.#status as 'succeeded'])
    this.#released.open()
    this.#settled.open()
    this.#answer()
    const { onCleanup } = this.registration.hooks
    const cleaned = callHook(this.context, 'onCleanup', onCleanup as () => void, undefined)
    const { persistence } = this
    if (!persistence) return
    if (cleaned) void cleaned.then(() => this.forgetEnd(persistence))
    else this.forgetEnd(persistence)
  }

  #answer(): void {
    if (this.#waiters.length === 0) return
    const result = this.#result()
    for (const resolve of this.#waiters.splice(0)) resolve(result)
  }

  #metadata(): RunMetadata {
    return {
      runId: this.runId,
      workflowId: this.workflowId,
      triggerId: this.trigger.id,
      pipelineId: this.pipelineId,
      durationMs: (this.#endedAt ?? this.context.clock.now()) - this.startedAt,
    }
  }

  #result(): RunResult {
    const metadata = this.#metadata()
    const status = this.#status
    if (status === 'failed' || status === 'aborted') {
      return { ok: false, error: this.#error!, metadata: { ...metadata, status } }
    }
    if (status === 'succeeded') return { ok: true, value: { status, state: this.state }, metadata }
    return {
      ok: true,
      value: { status: 'paused', state: this.state, checkpoint: this.checkpoint() },
      metadata,
    }
  }

  #hookContext(
    read: () => StateObject,
    setState: (change: unknown) => void,
    resume?: ResumeCause,
  ): RunHookContext {
    return {
      runId: this.runId,
      workflowId: this.workflowId,
      event: this.event,
      get state() {
        return read()
      },
      setState,
      ...(resume ? { resume } : {}),
    }
  }

  protected resumed(cause: ResumeCause): void {
    if (this.registration.hooks.onResume) this.#resumes.push(cause)
  }

  #announce(
    type: 'run:started' | 'run:paused' | 'run:resumed' | 'run:completed' | 'run:failed' | 'run:aborted',
  ) {
    const { bus } = this.context
    if (!bus.hasSubscribers(type)) return
    const payload: RunEventPayload = {
      runId: this.runId,
      workflowId: this.workflowId,
      triggerId: this.trigger.id,
      status: this.#status,
      ...(this.#error ? { error: serializeError(this.#error) } : {}),
    }
    this.registration.receipts.announce(type, payload, this.event)
  }
}
