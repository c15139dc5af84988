import { SystemError } from '../core/system-error.js'
import type { BusEvent } from '../core/bus-event.js'
import type { Address } from '../pipeline/address.js'
import { PipelineRun } from '../pipeline/pipeline-run.js'
import type { ResumeCause } from '../pipeline/resume-cause.js'
import { type StateObject, fromPartial, toChange } from '../state/change.js'
import { callHook } from './call-hook.js'
import type { RunPersistence } from './durable/run-persistence.js'
import type { RunRecord } from './durable/run-record.js'
import type { OutboxEntry } from './durable/store-registry.js'
import type { ForkPoint } from './fork-point.js'
import type { ModeRun } from './modes/mode.js'
import { toRunError } from './refusal.js'
import type { Registration } from './registration.js'
import { BUNDLE_LAYOUT, type RunBundle } from './run-bundle.js'
import { RunLife, type TakeSlot } from './run-life.js'

/** What makes a run durable before it begins. */
export interface RunKeeping {
  readonly persistence: RunPersistence
  /** Resolves when the run and its event are safe. */
  create(): Promise<void>
  /** Counts, where the event waits in the store, that `onPrepare` is about to be called; rejects when it must not be. */
  preparing?(): Promise<void> | undefined
  /** It ends before it begins; resolves when that is safe. */
  createFailed(error: SystemError): Promise<void>
  accepted(): void
  /** It was not taken: the event was accepted before, or cannot be stored. */
  refused(error: SystemError): void
}

interface EarlySignal {
  readonly patch: Readonly<Record<string, unknown>>
  readonly landed: () => void
  readonly refused: (error: unknown) => void
}

/** One list for all runs: few have any. */
const NO_SIGNALS: readonly EarlySignal[] = []

/**
 * One run in this process: how it begins, and what the engine, the mode and the inboxes may ask of it. How it goes on from
 * there is its {@link RunLife}.
 */
export class ActiveRun extends RunLife implements ModeRun {
  /** Asked to end before there was a pipeline to tell. */
  #earlyAbort: SystemError | undefined
  /** Signalled before there was a pipeline to take it: it lands before the first stage. */
  #earlySignals = NO_SIGNALS
  /** How often it has moved, where that is kept nowhere else. */
  #moves = 0

  // ——— as the mode sees it

  signal(event: BusEvent): boolean {
    if (this.hasEnded || this.#earlyAbort || this.pipeline?.isEnding) return false
    const patch = this.registration.toPatch(event)
    if (patch === undefined) return true
    const isAsleep = this.pipeline?.status === 'paused'
    this.#land(patch)
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
  /**
   * @param takeSlot How a paused run comes to run again. @default at once, for a run that passed its mode by
   * @param keep What makes the run durable before it begins. @default nothing
   */
  begin(takeSlot?: TakeSlot, keep?: RunKeeping): void {
    this.takeSlot = takeSlot
    this.persistence = keep?.persistence
    if (!keep) this.announce('run:started')
    let state: StateObject
    try {
      state = this.trigger.pipeline.initialState(this.event)
      this.trigger.pipeline.checkState(state)
    } catch (error) {
      return this.#failAtOnce(toRunError(error, this.runId), keep)
    }
    if (!this.registration.hooks.onPrepare) return this.#open(state, keep)
    const counted = keep?.preparing?.()
    if (!counted) return this.#prepare(state, keep)
    counted.then(
      () => (this.isGone ? this.#leaveEarly(keep) : this.#prepare(state, keep)),
      (error: unknown) =>
        this.isGone ? this.#leaveEarly(keep) : this.#failAtOnce(toRunError(error, this.runId), keep),
    )
  }

  #prepare(initial: StateObject, keep: RunKeeping | undefined): void {
    let state = initial
    const context = this.hookContext(
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
    if (!keep) this.announce('run:started')
    this.#open(state, keep, stageId === undefined ? undefined : { stage: stageId })
  }

  /** Goes on with a run of a process that is gone, or of a runtime that was stopped. */
  recover(
    record: Pick<RunRecord, 'checkpoint' | 'inboxes' | 'savedAt'> & Partial<Pick<RunBundle, 'epoch'>>,
    persistence: RunPersistence | undefined,
    outbox: readonly OutboxEntry[],
    takeSlot: TakeSlot,
  ): void {
    this.takeSlot = takeSlot
    this.persistence = persistence
    if (record.epoch !== undefined) this.#moves = record.epoch + 1
    const { root } = record.checkpoint
    this.pipeline = PipelineRun.restore(this.trigger.pipeline, this, root, undefined, record.savedAt)
    this.inboxes.restore(record.inboxes)
    if (persistence) this.publishLeft(outbox, persistence)
    const pausing = this.inboxes.takePausing()
    if (this.pipeline.status === 'paused') {
      this.sleep()
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
    if (this.isDriving) this.leavesFor = reason
    else this.detach(reason)
  }

  /**
   * Gives the run away: nothing of it happens here any more. Only a run that sleeps can be moved.
   *
   * @throws {SystemError} `INVALID_COMMAND` when it does not.
   */
  async giveAway(): Promise<RunBundle> {
    // Events that it published may still be on their way into the store of whoever receives them.
    await this.received
    this.assertNotLeft()
    const { pipeline, persistence, runId } = this
    if (pipeline?.status !== 'paused' || this.status !== 'paused') {
      const message = `Cannot export run ${runId}: it is ${this.status}; export it when it has paused`
      throw new SystemError('INVALID_COMMAND', message, { context: { runId, status: this.status } })
    }
    const bundle = structuredClone({
      layout: BUNDLE_LAYOUT,
      epoch: persistence?.epoch ?? this.#moves,
      savedAt: this.clock.now(),
      checkpoint: this.checkpoint(),
      inboxes: this.inboxRecords(),
    })
    const released = persistence?.release(bundle)
    if (released) this.context.track(released)
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
      throw new SystemError('INVALID_COMMAND', `Cannot resume: the run is ${this.status}, not paused`, {
        context: { runId: this.runId, status: this.status },
      })
    }
    this.pipeline.resume(cause, { path, assign })
  }

  async signalWith(patch: Readonly<Record<string, unknown>>): Promise<void> {
    if (this.hasEnded) throw this.#refusedSignal()
    const landed = this.#land(patch)
    this.stateChanged()
    await landed
    if (!this.persistence) return
    const kept = this.touch(this.persistence)
    this.context.track(kept)
    await kept
    // Of one that was told to end nothing is kept before that begins.
    if (!this.canGoOn) await this.settled
    this.assertNotLeft()
  }

  // ——— its life

  /** Resolves when the patch has landed. */
  async #land(patch: Readonly<Record<string, unknown>>): Promise<void> {
    if (this.pipeline) return this.pipeline.signal(patch)
    fromPartial({}, patch)
    return new Promise((landed, refused) => {
      this.#earlySignals = [...this.#earlySignals, { patch, landed, refused }]
    })
  }

  #refuseSignals(): void {
    for (const { refused } of this.#earlySignals) refused(this.#refusedSignal())
    this.#earlySignals = NO_SIGNALS
  }

  #refusedSignal(): SystemError {
    if (this.isGone && !this.hasEnded) return this.reason!
    return new SystemError('INVALID_COMMAND', `Cannot signal the run: it is ${this.status}`, {
      context: { runId: this.runId, status: this.status },
    })
  }

  #open(state: StateObject, keep: RunKeeping | undefined, at?: Address): void {
    if (this.isGone) return this.#leaveEarly(keep)
    this.pipeline = PipelineRun.start(this.trigger.pipeline, this, state, undefined, at)
    if (this.#earlyAbort) this.pipeline.interrupt(this.#earlyAbort)
    for (const { patch, landed, refused } of this.#earlySignals) {
      this.pipeline.signal(patch).then(landed, refused)
    }
    this.#earlySignals = NO_SIGNALS
    if (!keep) return void this.drive()
    this.isBeginning = true
    keep.create().then(
      () => {
        this.isBeginning = false
        keep.accepted()
        this.announce('run:started')
        // Who left meanwhile has left it to whoever recovers it.
        this.wake()
      },
      (error: unknown) => {
        this.persistence = undefined
        const reason = toRunError(error, this.runId)
        this.pipeline!.abandon(reason)
        this.detach(reason)
        keep.refused(reason)
      },
    )
  }

  /** It has gone before there was anything to go on with. */
  #leaveEarly(keep: RunKeeping | undefined): void {
    this.#refuseSignals()
    keep?.refused(this.reason!)
  }

  /** There is no state to begin with. */
  #failAtOnce(reason: SystemError, keep: RunKeeping | undefined): void {
    this.#refuseSignals()
    this.persistence = undefined
    if (!keep) return this.settle('failed', reason)
    keep.createFailed(reason).then(
      () => {
        keep.accepted()
        this.announce('run:started')
        this.settle('failed', reason)
      },
      (error: unknown) => {
        const fault = toRunError(error, this.runId)
        this.detach(fault)
        keep.refused(fault)
      },
    )
  }
}
