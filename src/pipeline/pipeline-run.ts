import type { BusEvent } from '../core/bus-event.js'
import type { TimerHandle } from '../core/clock.js'
import { deepFreeze } from '../core/deep-freeze.js'
import { isThenable } from '../core/is-thenable.js'
import { SystemError } from '../core/system-error.js'
import type { StateObject } from '../state/change.js'
import {
  type LedgerEntry,
  type PipelineCheckpoint,
  type PipelineStatus,
  type Wait,
  initialCheckpoint,
} from './checkpoint.js'
import type { Place } from './compensation.js'
import type { CompiledPipeline } from './compiled-pipeline.js'
import { loopLimit, timedOut, toSystemError } from './pipeline-errors.js'
import { PipelineProgress } from './pipeline-progress.js'
import type { WaitOwner } from './pipeline-wait.js'
import type { ResumeCause } from './resume-cause.js'
import { type Move, enter } from './routing.js'
import type { RunHost, StageWatch, WaitingPipeline } from './run-host.js'
import { StageCycle, type StageCycleHost, type StageEnd } from './stage-cycle.js'
import type { Interruptible } from './stage-timer.js'
import { restoreWait } from './wait.js'

/** Where a pipeline stands, and who drives it. Absent for the run itself. */
export interface ChildPlace extends Place {
  /** Whether committed steps are remembered because a pipeline above undoes them. */
  readonly keepsLedger: boolean
  /** The child was paused and may go on. */
  readonly wake: (child: PipelineRun) => void
}

export interface ResumeOptions {
  /** Payload path → state path, for an event that was waited for by a step. @default what the pause's own descriptor says */
  readonly assign?: Readonly<Record<string, string>> | undefined
  /** Which of the paused pipelines goes on. @default all of them */
  readonly path?: string | undefined
}

const ROOT: Place & Partial<ChildPlace> = { path: '', key: '' }

/**
 * One execution of a pipeline: a run, or a child of one. Whoever drives it calls `advance()` as long as its status is
 * `running`; each call executes one stage, asks its router, and commits. It knows neither bus nor runtime. How far it has
 * come, and what follows a stage, is {@link PipelineProgress}'s; what happens within a stage {@link StageCycle}'s.
 *
 * Invariants:
 * - R1 `checkpoint()` may be called at any instant and describes the last boundary;
 * - R2 each `advance()` calls `host.commit` exactly once, after the boundary it reports, unless it rejects;
 * - R3 signals land at boundaries only, in the order they were given;
 * - R4 the first interruption wins and decides how the run ends; what comes later is ignored;
 * - R5 once it has ended no timer is left and nothing of it changes any more.
 */
export class PipelineRun implements WaitOwner {
  readonly path: string
  readonly #host: RunHost
  readonly #pipeline: CompiledPipeline
  readonly #place: Place & Partial<ChildPlace>
  readonly #progress: PipelineProgress
  /** Whether a wait has ended that the last commit still holds. */
  #isWoken = false
  #hasStarted: boolean
  #isAdvancing = false
  #abandoned: SystemError | undefined
  /** The compensation under way. */
  #undoing: Interruptible | undefined
  readonly #cycle: StageCycle
  #deadlineTimer: TimerHandle

  private constructor(
    pipeline: CompiledPipeline,
    host: RunHost,
    checkpoint: PipelineCheckpoint,
    place: Place & Partial<ChildPlace>,
  ) {
    this.path = place.path
    this.#pipeline = pipeline
    this.#host = host
    this.#place = place
    this.#progress = new PipelineProgress(checkpoint, pipeline, host, place, this)
    this.#cycle = new StageCycle(this.#cycleHost())
    this.#hasStarted = !checkpoint.isNew
    if (this.hasEnded) return
    if (pipeline.timeoutMs !== Infinity) this.#setDeadline()
    if (pipeline.stageWatches.length > 0) host.opened?.(this)
  }

  /** @param at Where to begin. @default the first stage */
  static start(
    pipeline: CompiledPipeline,
    host: RunHost,
    state: StateObject,
    place: Place & Partial<ChildPlace> = ROOT,
    at?: unknown,
  ): PipelineRun {
    const move: Move = at === undefined ? { next: pipeline.stages[0] } : enter(pipeline, at)
    const checkpoint = initialCheckpoint(pipeline.id, state, host.clock.now(), move.next?.id, move.entry)
    return new PipelineRun(pipeline, host, checkpoint, place)
  }

  /**
   * Continues from a checkpoint, whose state belongs to the run from then on. A stage that was under way is executed again,
   * with the same idempotency keys and its attempts counted on.
   *
   * @param lastAliveAt When the run was last known to be alive, for waits that say `onRestore: 'remaining'`.
   * @throws {SystemError} `NOT_FOUND` when the pipeline no longer has a stage the checkpoint names.
   */
  static restore(
    pipeline: CompiledPipeline,
    host: RunHost,
    checkpoint: PipelineCheckpoint,
    place: Place & Partial<ChildPlace> = ROOT,
    lastAliveAt?: number,
  ): PipelineRun {
    const { status, inside, wait, state, resume } = checkpoint
    deepFreeze(state)
    deepFreeze(resume)
    const wasCutOff = status === 'running' && !inside
    const run = new PipelineRun(
      pipeline,
      host,
      {
        ...checkpoint,
        interruptions: checkpoint.interruptions + (wasCutOff ? 1 : 0),
      },
      place,
    )
    // What is paused is resumed, and told things, before it goes on.
    if (!run.#hasStarted && status === 'paused') run.#begin()
    if (inside) {
      const stage = enter(pipeline, { stage: inside.stageId }).next!
      const isReady = run.#cycle.restore(
        run.#progress.position.visitOf(stage, inside.visit),
        inside,
        (child, at, where) => PipelineRun.restore(child, host, at, where, lastAliveAt),
      )
      if (isReady) run.#progress.status = 'running'
    }
    if (wait) run.#progress.wait.begin(restoreWait(wait, host.clock.now(), lastAliveAt))
    return run
  }

  get status(): PipelineStatus {
    return this.#progress.status
  }
  get hasEnded(): boolean {
    return this.#progress.hasEnded
  }
  get state(): StateObject {
    return this.#progress.live.value
  }
  /** Why it failed or was aborted. */
  get error(): SystemError | undefined {
    return this.#progress.ending.error
  }
  get wait(): Wait | undefined {
    return this.#progress.wait.current
  }
  get pipelineId(): string {
    return this.#pipeline.id
  }
  get ledger(): readonly LedgerEntry[] {
    return this.#progress.ending.ledger
  }
  /** The stage that comes next, or is under way. */
  get stageId(): string | undefined {
    return this.#cycle.forked?.id ?? this.#progress.position.next?.id
  }

  get stageWatches(): readonly StageWatch[] {
    return this.#pipeline.stageWatches
  }

  accepts(stageId: string, event: BusEvent): boolean {
    const where = this.#pipeline.stage(stageId)?.where
    const answer: unknown = where ? where(event, this.#progress.live.value) : true
    if (!isThenable(answer)) return Boolean(answer)
    throw new SystemError('VALIDATION', `"where" of stage "${stageId}" must answer synchronously`, {
      context: { runId: this.#host.runId, stageId },
    })
  }

  get isEnding(): boolean {
    return this.#progress.isEnding
  }
  get canGoOn(): boolean {
    return this.#progress.canGoOn
  }

  /** The pipeline at a path: this one, or a child at any depth that is under way. */
  at(path: string): WaitingPipeline | undefined {
    if (path === this.path) return this
    return this.#cycle.childTowards(path)?.at(path)
  }

  /** Every pipeline of the run that waits: itself, or children at any depth. */
  waiting(): readonly WaitingPipeline[] {
    return this.#paused()
  }

  /**
   * Goes to the next boundary. Does nothing unless the status is `running`. Rejects with what `host.commit` rejected with,
   * and with the reason of `abandon()`.
   */
  async advance(): Promise<void> {
    const { position, ending, status } = this.#progress
    if (status !== 'running') return
    this.#assertNotAbandoned()
    this.#isAdvancing = true
    try {
      if (!this.#hasStarted) this.#begin()
      if (this.#isWoken) await this.#keepWoken()
      // Awaits only what is not there yet: a needless `await`, or one more asynchronous function, costs what a step does.
      let committed: Promise<void> | undefined
      if (ending.current) committed = this.#undoNext()
      else if (this.#cycle.forked) committed = this.#leaveStage(await this.#cycle.proceed())
      else if (this.#progress.interruption || !position.next)
        committed = this.#reach(this.#progress.interruption)
      else {
        const of = position.nextVisit(position.next)
        const { maxVisits } = this.#pipeline
        committed =
          of.visit > maxVisits
            ? this.#reach(loopLimit(of.stage.id, maxVisits, this.#host.runId))
            : this.#leaveStage(await this.#cycle.enter(of))
      }
      if (committed) await committed
    } finally {
      this.#isAdvancing = false
    }
  }

  /**
   * Ends the wait of a paused run, or of its children that are paused.
   *
   * @throws {SystemError} `INVALID_COMMAND` when nothing is paused there, `VALIDATION` when the cause cannot be written into
   *   the state; the run then stays paused.
   */
  resume(cause: ResumeCause, { path, assign }: ResumeOptions = {}): void {
    const waiting = path === undefined ? this.#paused() : this.#pausedAt(path)
    if (waiting.length === 0) {
      throw this.#progress.refused('resume')
    }
    // All are checked before the first goes on.
    for (const apply of waiting.map((each) => each.#prepareResume(cause, assign))) apply()
  }

  /**
   * Merges a patch into the state at the next boundary: before the first stage when it has not begun, at once when it sleeps. Resolves when it has landed;
   * rejects with `VALIDATION` when it does not fit, `INVALID_COMMAND` when the run ended before, or the reason of `abandon()`.
   */
  async signal(patch: Readonly<Record<string, unknown>>): Promise<void> {
    const { live } = this.#progress
    const landed = live.signal(patch)
    const abandoned = this.#abandoned
    if (abandoned) live.refuseSignals(() => abandoned)
    else if (this.hasEnded) live.refuseSignals(() => this.#progress.refused('signal'))
    else if (this.#hasStarted && !this.#isAdvancing) live.land()
    await landed
  }

  /**
   * Changes the state between two stages, for hooks.
   *
   * @throws {SystemError} `VALIDATION` when the change does not fit, `INVALID_COMMAND` when a stage is under way.
   */
  write(output: unknown): void {
    if (this.#isAdvancing || this.hasEnded) throw this.#progress.refused('write to')
    this.#progress.live.write(output)
  }

  /** Ends the run: as aborted when the reason's code is `ABORTED`, else as failed. */
  interrupt(reason: SystemError): void {
    if (this.isEnding) return this.#giveUpUndoing(reason)
    this.#progress.interruption = reason
    this.#cycle.interrupt(reason)
    if (this.status === 'paused') {
      this.#progress.wait.end()
      this.#wakeUp()
    }
  }

  waitIsDue(): void {
    try {
      this.#prepareResume({ kind: 'timeout' })()
    } catch (error) {
      this.interrupt(toSystemError(error))
    }
  }

  /** A compensation that waits for a person does so no more once the run is aborted: what it was to undo stays. */
  #giveUpUndoing(reason: SystemError): void {
    if (reason.code !== 'ABORTED' || this.hasEnded) return
    for (const child of this.#cycle.children) child.#giveUpUndoing(reason)
    const { ending, wait } = this.#progress
    if (!ending.current || !wait.current) return
    ending.giveUp(reason)
    wait.end()
    this.#wakeUp()
  }

  /** Stops here without an end: what is under way is cut off, `advance()` rejects with the reason, the checkpoint stays. */
  abandon(reason: SystemError): void {
    if (this.hasEnded || this.#abandoned) return
    this.#abandoned = reason
    this.#clearTimers()
    this.#cycle.abandon(reason)
    this.#undoing?.interrupt(reason)
    this.#progress.live.refuseSignals(() => reason)
  }

  checkpoint(): PipelineCheckpoint {
    const checkpoint = this.#progress.checkpoint(this.#cycle.checkpoint())
    return this.#hasStarted ? checkpoint : { ...checkpoint, isNew: true }
  }

  /** The one boundary after a stage. */
  #leaveStage(end: StageEnd): Promise<void> | undefined {
    this.#assertNotAbandoned()
    if (end.type === 'asleep') {
      // A child may have been woken on the way here; the next `advance()` then goes on with it.
      if (!this.#cycle.isReady) this.#progress.status = 'paused'
      return this.#commit([])
    }
    this.#cycle.left()
    return this.#commit(this.#progress.leave(end))
  }

  #reach(failure: SystemError | undefined): Promise<void> | undefined {
    this.#progress.reach(failure)
    return this.#commit([])
  }

  async #undoNext(): Promise<void> {
    const { ending, position } = this.#progress
    const takeOver = await ending.undoNext(position, (execution) => {
      this.#undoing = execution
    })
    this.#undoing = undefined
    this.#assertNotAbandoned()
    const events = takeOver()
    this.#progress.undone()
    return this.#commit(events)
  }

  #commit(events: readonly BusEvent[]): Promise<void> | undefined {
    if (this.hasEnded) this.#close()
    const committed = this.#host.commit(events)
    if (committed) return committed.then(() => this.#assertNotAbandoned())
    this.#assertNotAbandoned()
    return undefined
  }

  #assertNotAbandoned(): void {
    if (this.#abandoned) throw this.#abandoned
  }

  // ——— waiting

  #pausedAt(path: string): readonly PipelineRun[] {
    if (path === this.path) return this.wait ? [this] : []
    const child = this.#cycle.childTowards(path)
    return child ? child.#pausedAt(path) : []
  }

  #paused(): readonly PipelineRun[] {
    if (this.wait) return [this]
    return this.#cycle.children.flatMap((child) => child.#paused())
  }

  #prepareResume(cause: ResumeCause, assign?: Readonly<Record<string, string>>): () => void {
    const apply = this.#progress.prepareResume(cause, assign)
    return () => {
      this.#isWoken = true
      apply()
      this.#wakeUp()
    }
  }

  #wakeUp(): void {
    this.#progress.status = 'running'
    if (this.#place.wake) this.#place.wake(this)
    else this.#host.wake?.()
  }

  /** A wait that is over for what comes next must be over for the next process, too: else that makes the same attempt again. */
  async #keepWoken(): Promise<void> {
    this.#isWoken = false
    await this.#host.keep?.()
    this.#assertNotAbandoned()
  }

  // ——— timers

  #setDeadline(): void {
    const { clock, runId } = this.#host
    const { timeoutMs, id } = this.#pipeline
    const error = timedOut(`Pipeline "${id}"`, timeoutMs, { runId, pipelineId: id })
    const dueAt = this.#progress.startedAt + timeoutMs
    this.#deadlineTimer = clock.setTimeout(() => this.interrupt(error), dueAt - clock.now())
  }

  /** It has ended. */
  #close(): void {
    this.#clearTimers()
    this.#host.closed?.(this)
  }

  #clearTimers(): void {
    this.#progress.wait.clearTimer()
    if (this.#deadlineTimer !== undefined) this.#host.clock.clearTimeout(this.#deadlineTimer)
    this.#cycle.clearTimer()
  }

  // ——— what is said

  #cycleHost(): StageCycleHost {
    return {
      pipeline: this.#pipeline,
      host: this.#host,
      place: this.#place,
      live: this.#progress.live,
      keepsLedger: this.#pipeline.compensates || (this.#place.keepsLedger ?? false),
      interruption: () => this.#progress.interruption,
      startChild: (pipeline, state, place, at) => PipelineRun.start(pipeline, this.#host, state, place, at),
      wakeUp: () => {
        if (this.status === 'paused') this.#wakeUp()
      },
      record: this.#progress.history.record,
    }
  }

  #begin(): void {
    this.#hasStarted = true
    this.#progress.history.started(this.state)
    this.#progress.live.land()
  }
}
