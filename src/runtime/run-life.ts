import { type SystemError, serializeError } from '../core/system-error.js'
import type { ResumeCause } from '../pipeline/resume-cause.js'
import type { StateObject } from '../state/change.js'
import { callHook, callOnCleanup } from './call-hook.js'
import { Latch } from './latch.js'
import { toRunError } from './refusal.js'
import { RunEnvironment } from './run-environment.js'
import type { RunEventPayload } from './run-events.js'
import type { RunHookContext } from './run-hooks.js'
import type { RunInfo, RunMetadata, RunResult, RunStatus } from './run-result.js'

/** How a mode wants to hear of a resume: when the run may go on. */
export type TakeSlot = (go: () => void) => void

/**
 * The life of one run once it has begun: it drives its pipeline from leg to leg, settles, and answers those who wait for it.
 *
 * Invariants:
 * - A1 the pipeline is advanced by one loop at a time;
 * - A2 a run settles once: `onComplete`, then bookkeeping (services, directory, slot, event on the bus, waiting
 *   callers), then `onCleanup`;
 * - A3 each leg ends once, by a pause or by the end, and whoever waits for it is answered.
 */
export abstract class RunLife extends RunEnvironment {
  readonly #settled = new Latch()
  #released = new Latch()
  #status: RunStatus = 'running'
  /** Why it has failed, was aborted, or is gone from here. */
  protected reason: SystemError | undefined
  #endedAt: number | undefined
  #isSettled = false
  /** Whether the books are kept as well. */
  #isFinished = false
  #isDetached = false
  protected isDriving = false
  /** Why it is left when it has come to a pause, where it was told to go while it was driven. */
  protected leavesFor: SystemError | undefined
  /** Whether its record is on the way to the store: until it is there it does not go on, not even to its end. */
  protected isBeginning = false
  #holdsSlot = true
  protected takeSlot: TakeSlot | undefined
  #resumes: ResumeCause[] = []
  #waiters: ((result: RunResult) => void)[] = []

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
    if (this.reason) info.error = this.reason
    return info
  }

  /** The end of the present leg: the next pause, or the end of the run. */
  nextStop(): Promise<RunResult> {
    if (this.#isFinished) return Promise.resolve(this.#result())
    return new Promise((resolve) => this.#waiters.push(resolve))
  }

  /** @throws {SystemError} why it is gone from here without an end. */
  assertNotLeft(): void {
    if (this.#isDetached) throw this.reason!
  }

  protected get isGone(): boolean {
    return this.hasEnded || this.#isDetached
  }

  wake(): void {
    if (this.isDriving || this.isBeginning || this.isGone) return
    // A run that only has to end needs no slot for it.
    if (this.#holdsSlot || !this.takeSlot || this.pipeline!.isEnding) return void this.drive()
    this.takeSlot(() => {
      if (this.isGone) return
      this.#released = new Latch()
      this.#holdsSlot = true
      if (!this.isDriving) void this.drive()
    })
  }

  protected async drive(): Promise<void> {
    const pipeline = this.pipeline!
    this.isDriving = true
    try {
      if (this.#status === 'paused') this.#beginLeg()
      while (pipeline.status === 'running') {
        if (this.#resumes.length > 0) await this.#callOnResume()
        await pipeline.advance()
      }
    } catch (error) {
      this.isDriving = false
      return this.fail(error)
    }
    this.isDriving = false
    if (pipeline.status === 'paused' && this.leavesFor) this.detach(this.leavesFor)
    else if (pipeline.status === 'paused') this.#endLeg()
    else this.settle(pipeline.status, pipeline.error)
  }

  /** The run cannot go on here: because it is another's now, or because what it came to cannot be stored. */
  protected fail(error: unknown): void {
    const reason = toRunError(error, this.runId)
    const persistence = this.persistence
    if (!persistence) return this.settle('failed', reason)
    this.pipeline?.abandon(reason)
    if (reason.code !== 'VALIDATION' && reason.code !== 'CAPACITY') return this.detach(reason)
    persistence.fail(reason, this.registration.tellsEnd).then(
      () => this.settle('failed', reason),
      (fault: unknown) => this.detach(toRunError(fault, this.runId)),
    )
  }

  /** Gone from here without an end: whoever owns it now goes on with it. No hook is called. */
  protected detach(reason: SystemError): void {
    if (this.#isDetached || this.#isFinished) return
    this.#isDetached = true
    this.reason = reason
    if (reason.code === 'FENCED') this.context.report(reason, `Run ${this.runId}`)
    const leave = () => {
      this.context.runs.leave(this)
      this.registration.ended()
      this.#released.open()
      this.#settled.open()
      const metadata = { status: 'aborted' as const, ...this.#metadata() }
      for (const resolve of this.#waiters.splice(0)) resolve({ ok: false, error: reason, metadata })
    }
    const disposed = this.disposeServices()
    if (disposed) void disposed.then(leave)
    else leave()
  }

  #beginLeg(): void {
    this.#status = 'running'
    this.recording?.setStatus('recording')
    this.announce('run:resumed')
  }

  #endLeg(): void {
    this.#status = 'paused'
    this.recording?.setStatus('paused')
    this.announce('run:paused')
    this.sleep()
    this.#answer()
  }

  /** It is paused, and needs no slot until it is woken. */
  protected sleep(): void {
    this.#status = 'paused'
    this.#holdsSlot = false
    this.#released.open()
  }

  async #callOnResume(): Promise<void> {
    for (const resume of this.#resumes.splice(0)) {
      const { onResume } = this.registration.hooks
      const pipeline = this.pipeline!
      const context = this.hookContext(
        () => pipeline.state,
        (change) => pipeline.write(change),
        resume,
      )
      await callHook(this.context, 'onResume', onResume, context)
    }
  }

  protected settle(status: 'succeeded' | 'failed' | 'aborted', error?: SystemError): void {
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
    this.reason = error
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
    this.announce(type[this.#status as 'succeeded'])
    this.#released.open()
    this.#settled.open()
    this.#answer()
    const cleaned = callOnCleanup(this.context, this.registration.hooks.onCleanup)
    if (cleaned) this.context.telling(cleaned.then(() => this.forgetEnd()))
    else this.forgetEnd()
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
      return { ok: false, error: this.reason!, metadata: { status, ...metadata } }
    }
    if (status === 'succeeded') return { ok: true, value: { status, state: this.state }, metadata }
    return {
      ok: true,
      value: { status: 'paused', state: this.state, checkpoint: this.checkpoint() },
      metadata,
    }
  }

  protected hookContext(
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

  protected announce(
    type: 'run:started' | 'run:paused' | 'run:resumed' | 'run:completed' | 'run:failed' | 'run:aborted',
  ) {
    const { bus } = this.context
    if (!bus.hasSubscribers(type)) return
    const payload: RunEventPayload = {
      runId: this.runId,
      workflowId: this.workflowId,
      triggerId: this.trigger.id,
      status: this.#status,
      ...(this.reason ? { error: serializeError(this.reason) } : {}),
    }
    this.registration.receipts.announce(type, payload, this.event)
  }
}
