import type { BusEvent } from '../core/bus-event.js'
import type { TimerHandle } from '../core/clock.js'
import { isThenable } from '../core/is-thenable.js'
import { SystemError, serializeError } from '../core/system-error.js'
import type { StateObject } from '../state/change.js'
import {
  type LedgerEntry,
  type PipelineCheckpoint,
  type PipelineStatus,
  type Wait,
  initialCheckpoint,
} from './checkpoint.js'
import type { Place } from './compensation.js'
import type { CompiledPipeline, CompiledStage } from './compiled-pipeline.js'
import { LiveState } from './live-state.js'
import { PipelineEnding } from './pipeline-ending.js'
import { loopLimit, refused, timedOut, toSystemError } from './pipeline-errors.js'
import { PipelineWait } from './pipeline-wait.js'
import { PipelineHistory } from './pipeline-history.js'
import { PipelinePosition } from './pipeline-position.js'
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
 * `running`; each call executes one stage, asks its router, and commits. It knows neither bus nor runtime.
 *
 * Invariants:
 * - R1 state, position, visits and ledger change together and only at a boundary, so `checkpoint()` may be called at any
 *   instant and describes the last boundary;
 * - R2 each `advance()` calls `host.commit` exactly once, after the boundary it reports, unless it rejects;
 * - R3 signals land at boundaries only, in the order they were given;
 * - R4 the first interruption wins and decides how the run ends; what comes later is ignored;
 * - R5 once it has ended no timer is left and nothing of it changes any more.
 */
export class PipelineRun implements WaitingPipeline {
  readonly path: string
  readonly #host: RunHost
  readonly #pipeline: CompiledPipeline
  readonly #place: Place & Partial<ChildPlace>
  readonly #startedAt: number
  readonly #history: PipelineHistory
  readonly #position: PipelinePosition
  readonly #ending: PipelineEnding
  readonly #wait: PipelineWait
  #status: PipelineStatus
  readonly #live: LiveState
  /** Whether a wait has ended that the last commit still holds. */
  #isWoken = false
  #hasStarted: boolean
  #isAdvancing = false
  /** Why the run must end, from the moment somebody said so. */
  #interruption: SystemError | undefined
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
    hasStarted: boolean,
  ) {
    this.path = place.path
    this.#pipeline = pipeline
    this.#host = host
    this.#place = place
    this.#startedAt = checkpoint.startedAt
    this.#history = new PipelineHistory(pipeline, host, place.path)
    this.#position = new PipelinePosition(checkpoint, pipeline)
    this.#status = checkpoint.status
    this.#live = new LiveState(checkpoint.state, pipeline, host, place.path)
    this.#cycle = new StageCycle(this.#cycleHost())
    this.#wait = new PipelineWait(this, pipeline, host, this.#live)
    this.#ending = new PipelineEnding(checkpoint, pipeline, host, place, this.#live)
    this.#hasStarted = hasStarted
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
    return new PipelineRun(pipeline, host, checkpoint, place, false)
  }

  /**
   * Continues from a checkpoint. A stage that was under way is executed again, with the same idempotency keys and
   * its attempts counted on.
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
    const { status, inside, wait } = checkpoint
    const wasCutOff = status === 'running' && !inside
    const run = new PipelineRun(
      pipeline,
      host,
      {
        ...checkpoint,
        interruptions: checkpoint.interruptions + (wasCutOff ? 1 : 0),
      },
      place,
      true,
    )
    if (inside) {
      const stage = enter(pipeline, { stage: inside.stageId }).next!
      const isReady = run.#cycle.restore(
        run.#position.visitOf(stage, inside.visit),
        inside,
        (child, at, where) => PipelineRun.restore(child, host, at, where, lastAliveAt),
      )
      if (isReady) run.#status = 'running'
    }
    if (wait) run.#beginWait(restoreWait(wait, host.clock.now(), lastAliveAt))
    return run
  }

  get status(): PipelineStatus {
    return this.#status
  }
  get hasEnded(): boolean {
    return this.#status !== 'running' && this.#status !== 'paused'
  }
  get state(): StateObject {
    return this.#live.value
  }
  /** Why it failed or was aborted. */
  get error(): SystemError | undefined {
    return this.#ending.error
  }
  get wait(): Wait | undefined {
    return this.#wait.current
  }
  get pipelineId(): string {
    return this.#pipeline.id
  }
  get ledger(): readonly LedgerEntry[] {
    return this.#ending.ledger
  }
  /** The stage that comes next, or is under way. */
  get stageId(): string | undefined {
    return this.#cycle.forked?.id ?? this.#position.next?.id
  }

  get stageWatches(): readonly StageWatch[] {
    return this.#pipeline.stageWatches
  }

  accepts(stageId: string, event: BusEvent): boolean {
    const where = this.#pipeline.stage(stageId)?.where
    const answer: unknown = where ? where(event, this.#live.value) : true
    if (!isThenable(answer)) return Boolean(answer)
    throw new SystemError('VALIDATION', `"where" of stage "${stageId}" must answer synchronously`, {
      context: { runId: this.#host.runId, stageId },
    })
  }

  /** Whether it was told to end, or has ended. */
  get isEnding(): boolean {
    return this.hasEnded || this.#interruption !== undefined || this.#ending.current !== undefined
  }

  /** Whether the checkpoint is a place to go on from: it is none between being told to end and the boundary at which that begins. */
  get canGoOn(): boolean {
    return !this.hasEnded && (this.#interruption === undefined || this.#ending.current !== undefined)
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

  /** Goes to the next boundary. Does nothing unless the status is `running`. Rejects with what `host.commit` rejected with. */
  async advance(): Promise<void> {
    if (this.#status !== 'running') return
    this.#isAdvancing = true
    try {
      if (!this.#hasStarted) this.#begin()
      if (this.#isWoken) await this.#keepWoken()
      // Awaits only what is not there yet: a needless `await`, or one more asynchronous function, costs what a step does.
      let committed: Promise<void> | undefined
      if (this.#ending.current) committed = this.#undoNext()
      else if (this.#cycle.forked) committed = this.#leaveStage(await this.#cycle.proceed())
      else if (this.#interruption || !this.#position.next) committed = this.#boundary([], this.#interruption)
      else {
        const of = this.#position.nextVisit(this.#position.next)
        const { maxVisits } = this.#pipeline
        committed =
          of.visit > maxVisits
            ? this.#boundary([], loopLimit(of.stage.id, maxVisits, this.#host.runId))
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
      throw this.#refused('resume')
    }
    // All are checked before the first goes on.
    for (const apply of waiting.map((each) => each.#prepareResume(cause, assign))) apply()
  }

  /**
   * Merges a patch into the state at the next boundary, at once when nothing is under way. Resolves when it has landed;
   * rejects with `VALIDATION` when it does not fit, or `INVALID_COMMAND` when the run ended before.
   */
  async signal(patch: Readonly<Record<string, unknown>>): Promise<void> {
    const landed = this.#live.signal(patch)
    if (this.hasEnded) this.#live.refuseSignals(() => this.#refused('signal'))
    else if (!this.#isAdvancing) this.#live.land()
    await landed
  }

  /**
   * Changes the state between two stages, for hooks.
   *
   * @throws {SystemError} `VALIDATION` when the change does not fit, `INVALID_COMMAND` when a stage is under way.
   */
  write(output: unknown): void {
    if (this.#isAdvancing || this.hasEnded) throw this.#refused('write to')
    this.#live.write(output)
  }

  /** Ends the run: as aborted when the reason's code is `ABORTED`, else as failed. */
  interrupt(reason: SystemError): void {
    if (this.isEnding) return this.#giveUpUndoing(reason)
    this.#interruption = reason
    this.#cycle.interrupt(reason)
    if (this.#status === 'paused') {
      this.#wait.end()
      this.#wakeUp()
    }
  }

  /** A compensation that waits for a person does so no more once the run is aborted: what it was to undo stays. */
  #giveUpUndoing(reason: SystemError): void {
    if (reason.code !== 'ABORTED' || this.hasEnded) return
    for (const child of this.#cycle.children) child.#giveUpUndoing(reason)
    if (!this.#ending.current || !this.#wait.current) return
    this.#ending.giveUp(reason)
    this.#wait.end()
    this.#wakeUp()
  }

  /** Stops here without an end: what is under way is cut off, `advance()` rejects with the reason, the checkpoint stays. */
  abandon(reason: SystemError): void {
    if (this.hasEnded || this.#abandoned) return
    this.#abandoned = reason
    this.#clearTimers()
    this.#cycle.abandon(reason)
    this.#undoing?.interrupt(reason)
    this.#live.refuseSignals(() => reason)
  }

  checkpoint(): PipelineCheckpoint {
    const inside = this.#cycle.checkpoint()
    return {
      pipelineId: this.#pipeline.id,
      status: this.#status,
      state: this.#live.value,
      startedAt: this.#startedAt,
      ...this.#position.checkpoint(),
      ...(this.#wait.current ? { wait: this.#wait.current } : {}),
      ...(inside ? { inside } : {}),
      ledger: [...this.#ending.ledger],
      ...(this.#ending.current ? { ending: this.#ending.current } : {}),
      ...(this.error ? { error: serializeError(this.error) } : {}),
    }
  }

  /** The one boundary after a stage: state, position, visits and ledger change here, together. */
  #leaveStage(end: StageEnd): Promise<void> | undefined {
    this.#assertNotAbandoned()
    if (end.type === 'asleep') {
      // A child may have been woken on the way here; the next `advance()` then goes on with it.
      if (!this.#cycle.isReady) this.#status = 'paused'
      return this.#commit([])
    }
    this.#cycle.left()
    if (end.ledger.length > 0) this.#ending.ledger.push(...end.ledger)
    if (end.type === 'failed') {
      this.#live.land()
      if (end.parks) return this.#park(end.of.stage, end.error)
      this.#position.visited(end.of)
      return this.#boundary([], this.#interruption ?? end.error)
    }
    const { state, move, events, failure } = end
    this.#live.value = state
    this.#position.visited(end.of)
    this.#position.moveTo(move)
    if (move.wait && !failure && !this.#interruption) this.#pause(move.wait)
    return this.#boundary(events, failure ?? this.#interruption)
  }

  /** Leaves the stage as it was before this visit, to be tried again. */
  #park({ id: stageId }: CompiledStage, error: SystemError): Promise<void> | undefined {
    this.#position.interruptions++
    const since = this.#host.clock.now()
    this.#pause({ kind: 'exhausted', stageId, since, error: serializeError(error) })
    return this.#boundary([])
  }

  /** The one way from a stage to whatever comes next: another stage, sleep, success, or a bad end. */
  #boundary(events: readonly BusEvent[], failure?: SystemError): Promise<void> | undefined {
    if (failure) this.#beginEnding(failure)
    else if (!this.#position.next && this.#status === 'running') this.#end('succeeded')
    return this.#commit(events)
  }

  #commit(events: readonly BusEvent[]): Promise<void> | undefined {
    const committed = this.#host.commit(events)
    if (committed) return committed.then(() => this.#assertNotAbandoned())
    this.#assertNotAbandoned()
    return undefined
  }

  #assertNotAbandoned(): void {
    if (this.#abandoned) throw this.#abandoned
  }

  // ——— waiting

  #pause(wait: Wait): void {
    this.#status = 'paused'
    this.#history.paused(wait)
    this.#beginWait(wait)
  }

  #beginWait(wait: Wait): void {
    this.#wait.begin(wait, () => {
      try {
        this.#prepareResume({ kind: 'timeout' })()
      } catch (error) {
        this.interrupt(toSystemError(error))
      }
    })
  }

  #pausedAt(path: string): readonly PipelineRun[] {
    if (path === this.path) return this.#wait.current ? [this] : []
    const child = this.#cycle.childTowards(path)
    return child ? child.#pausedAt(path) : []
  }

  #paused(): readonly PipelineRun[] {
    if (this.#wait.current) return [this]
    return this.#cycle.children.flatMap((child) => child.#paused())
  }

  #prepareResume(cause: ResumeCause, assign?: Readonly<Record<string, string>>): () => void {
    const endWait = this.#wait.prepareEnd(cause, assign)
    return () => {
      this.#position.resume = cause
      this.#isWoken = true
      this.#history.resumed(cause)
      endWait()
      this.#wakeUp()
    }
  }

  #wakeUp(): void {
    this.#status = 'running'
    if (this.#place.wake) this.#place.wake(this)
    else this.#host.wake?.()
  }

  /** A wait that is over for what comes next must be over for the next process, too: else that makes the same attempt again. */
  async #keepWoken(): Promise<void> {
    this.#isWoken = false
    await this.#host.keep?.()
    this.#assertNotAbandoned()
  }

  // ——— ending

  #beginEnding(failure: SystemError): void {
    this.#position.leave()
    this.#position.interruptions = 0
    const status = failure.code === 'ABORTED' && failure === this.#interruption ? 'aborted' : 'failed'
    if (!this.#ending.begin(status, failure)) this.#end(status)
  }

  async #undoNext(): Promise<void> {
    const takeOver = await this.#ending.undoNext(this.#position, (execution) => {
      this.#undoing = execution
    })
    this.#undoing = undefined
    this.#assertNotAbandoned()
    this.#position.interruptions = 0
    const events = takeOver()
    if (this.#ending.isDone) this.#end(this.#ending.current!.status)
    return this.#commit(events)
  }

  #end(status: 'succeeded' | 'failed' | 'aborted'): void {
    this.#status = status
    this.#clearTimers()
    this.#host.closed?.(this)
    this.#ending.current = undefined
    this.#live.refuseSignals(() => this.#refused('signal'))
    this.#history.ended(status, this.error)
  }

  #setDeadline(): void {
    const { clock, runId } = this.#host
    const { timeoutMs, id } = this.#pipeline
    const error = timedOut(`Pipeline "${id}"`, timeoutMs, { runId, pipelineId: id })
    const dueAt = this.#startedAt + timeoutMs
    this.#deadlineTimer = clock.setTimeout(() => this.interrupt(error), dueAt - clock.now())
  }

  #clearTimers(): void {
    this.#wait.clearTimer()
    if (this.#deadlineTimer !== undefined) this.#host.clock.clearTimeout(this.#deadlineTimer)
    this.#cycle.clearTimer()
  }

  // ——— what is said

  #cycleHost(): StageCycleHost {
    return {
      pipeline: this.#pipeline,
      host: this.#host,
      place: this.#place,
      live: this.#live,
      keepsLedger: this.#pipeline.compensates || (this.#place.keepsLedger ?? false),
      interruption: () => this.#interruption,
      startChild: (pipeline, state, place, at) => PipelineRun.start(pipeline, this.#host, state, place, at),
      wakeUp: () => {
        if (this.#status === 'paused') this.#wakeUp()
      },
      record: this.#history.record,
    }
  }

  #begin(): void {
    this.#hasStarted = true
    this.#history.started(this.#live.value)
  }

  #refused(verb: string): SystemError {
    return refused(verb, this.#status, this.#host.runId)
  }
}
