import type { BusEvent } from '../core/bus-event.js'
import type { TimerHandle } from '../core/clock.js'
import { isThenable } from '../core/is-thenable.js'
import { type SystemError, serializeError } from '../core/system-error.js'
import type { StateObject } from '../state/change.js'
import type { StageFrame } from './attempt.js'
import {
  type LedgerEntry,
  type PipelineCheckpoint,
  type PipelineStatus,
  type Wait,
  initialCheckpoint,
} from './checkpoint.js'
import { type Place, joinPath } from './compensation.js'
import type { CompiledPipeline, CompiledStage } from './compiled-pipeline.js'
import { Fork } from './fork.js'
import { forkChildren } from './fork-children.js'
import { LiveState } from './live-state.js'
import { PipelineEnding } from './pipeline-ending.js'
import { loopLimit, refused, timedOut, toSystemError } from './pipeline-errors.js'
import { PipelineWait } from './pipeline-wait.js'
import type { ResumeCause } from './resume-cause.js'
import { type Move, type StageEntry, enter, toMove } from './routing.js'
import type { RunHost, StageWatch, WaitingPipeline } from './run-host.js'
import type { StageOutcome } from './stage-outcome.js'
import { type Interruptible, StageTimer } from './stage-timer.js'
import { StepStage } from './step-stage.js'
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
  readonly #visits: Map<string, number>
  readonly #ending: PipelineEnding
  readonly #wait: PipelineWait
  #status: PipelineStatus
  readonly #live: LiveState
  #next: CompiledStage | undefined
  #entry: StageEntry | undefined
  #interruptions = 0
  #resume: ResumeCause | undefined
  #fork: Fork | undefined
  #hasStarted: boolean
  #isAdvancing = false
  /** Why the run must end, from the moment somebody said so. */
  #interruption: SystemError | undefined
  #abandoned: SystemError | undefined
  /** What an interruption must reach: the steps under way, or the router. */
  #underWay: Interruptible | undefined
  readonly #stageTimer: StageTimer
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
    this.#visits = new Map(Object.entries(checkpoint.visits))
    this.#status = checkpoint.status
    this.#live = new LiveState(checkpoint.state, pipeline, host, place.path)
    this.#stageTimer = new StageTimer(host.clock, host.runId)
    this.#wait = new PipelineWait(this, pipeline, host, this.#live)
    this.#ending = new PipelineEnding(checkpoint, pipeline, host, place, this.#live)
    this.#next = checkpoint.next === undefined ? undefined : enter(pipeline, { stage: checkpoint.next }).next
    this.#entry = checkpoint.entry
    this.#interruptions = checkpoint.interruptions
    this.#resume = checkpoint.resume
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
      const children = inside.children.map((child, index) => ({
        pipeline: child.pipeline,
        run: PipelineRun.restore(
          stage.children[child.pipeline]!,
          host,
          child.checkpoint,
          run.#childPlace(stage, inside.visit, index),
          lastAliveAt,
        ),
      }))
      run.#fork = new Fork(stage, inside.visit, inside.startedAt, children)
      run.#stageTimer.start(stage, inside.startedAt, run.#fork)
      if (run.#fork.isReady) run.#status = 'running'
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
    return this.#fork?.stage.id ?? this.#next?.id
  }

  get stageWatches(): readonly StageWatch[] {
    return this.#pipeline.stageWatches
  }

  accepts(stageId: string, event: BusEvent): boolean | undefined {
    const where = this.#pipeline.stage(stageId)?.where
    if (!where) return true
    try {
      return where(event, this.#live.value)
    } catch {
      return undefined
    }
  }

  /** Whether it was told to end, or has ended. */
  get isEnding(): boolean {
    return this.hasEnded || this.#interruption !== undefined || this.#ending.current !== undefined
  }

  /** The pipeline at a path: this one, or a child at any depth that is under way. */
  at(path: string): WaitingPipeline | undefined {
    if (path === this.path) return this
    return this.#fork?.children.find((child) => `${path}/`.startsWith(`${child.path}/`))?.at(path)
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
      await this.#advance()
    } finally {
      this.#isAdvancing = false
    }
  }

  #advance(): Promise<void> {
    if (!this.#hasStarted) this.#recordStart()
    if (this.#ending.current) return this.#undoNext()
    if (this.#fork) return this.#driveFork(this.#fork)
    if (this.#interruption) return this.#boundary([], this.#interruption)
    const stage = this.#next
    if (!stage) return this.#boundary([])
    const visit = (this.#visits.get(stage.id) ?? 0) + 1
    const { maxVisits } = this.#pipeline
    if (visit > maxVisits) return this.#boundary([], loopLimit(stage.id, maxVisits, this.#host.runId))
    this.#record('stage:start', { stageId: stage.id, visit })
    return stage.children.length > 0 ? this.#enterFork(stage, visit) : this.#runSteps(stage, visit)
  }

  /**
   * Ends the wait of a paused run, or of its children that are paused.
   *
   * @throws {SystemError} `INVALID_COMMAND` when nothing is paused there, `VALIDATION` when the cause cannot be written into
   *   the state; the run then stays paused.
   */
  resume(cause: ResumeCause, { path, assign }: ResumeOptions = {}): void {
    const waiting = this.#paused().filter((each) => path === undefined || each.path === path)
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
    if (this.hasEnded) this.#live.refuseSignals(this.#refused('signal'))
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
    if (this.isEnding) return
    this.#interruption = reason
    this.#fork?.interrupt(reason)
    this.#underWay?.interrupt(reason)
    if (this.#status === 'paused') {
      this.#wait.end()
      this.#wakeUp()
    }
  }

  /** Stops here without an end: what is under way is cut off, `advance()` rejects with the reason, the checkpoint stays. */
  abandon(reason: SystemError): void {
    if (this.hasEnded || this.#abandoned) return
    this.#abandoned = reason
    this.#clearTimers()
    this.#fork?.abandon(reason)
    this.#underWay?.interrupt(reason)
    this.#live.refuseSignals(reason)
  }

  checkpoint(): PipelineCheckpoint {
    return {
      pipelineId: this.#pipeline.id,
      status: this.#status,
      state: this.#live.value,
      startedAt: this.#startedAt,
      ...(this.#next ? { next: this.#next.id } : {}),
      ...(this.#entry ? { entry: this.#entry } : {}),
      visits: Object.fromEntries(this.#visits),
      interruptions: this.#interruptions,
      ...(this.#resume ? { resume: this.#resume } : {}),
      ...(this.#wait.current ? { wait: this.#wait.current } : {}),
      ...(this.#fork ? { inside: this.#fork.checkpoint() } : {}),
      ledger: [...this.#ending.ledger],
      ...(this.#ending.current ? { ending: this.#ending.current } : {}),
      ...(this.error ? { error: serializeError(this.error) } : {}),
    }
  }

  // ——— stages

  async #runSteps(stage: CompiledStage, visit: number): Promise<void> {
    const startedAt = stage.timeoutMs === Infinity ? 0 : this.#host.clock.now()
    const only = this.#entry?.step
    if (stage.steps.length === 0) {
      return this.#leave(stage, visit, startedAt, {
        ok: true,
        change: undefined,
        results: {},
        events: [],
        ledger: [],
      })
    }
    const steps = new StepStage(stage, this.#frame(stage, visit), visit, this.#keepsLedger, only)
    this.#underWay = steps
    const outcome = steps.run()
    this.#stageTimer.start(stage, startedAt, steps)
    await this.#leave(stage, visit, startedAt, await outcome)
  }

  async #enterFork(stage: CompiledStage, visit: number): Promise<void> {
    try {
      const { event, clock } = this.#host
      const children = forkChildren(stage, this.#pipeline, event, this.#live.value, this.#entry?.pipeline)
      const runs = children.map(({ pipeline, state, at }, index) => {
        const place = this.#childPlace(stage, visit, index)
        return { pipeline, run: PipelineRun.start(stage.children[pipeline]!, this.#host, state, place, at) }
      })
      this.#fork = new Fork(stage, visit, clock.now(), runs)
    } catch (error) {
      return this.#failStage(stage, visit, toSystemError(error, `Forking stage "${stage.id}"`))
    }
    this.#record('subpipeline:fork', { stageId: stage.id, children: this.#fork.children.length })
    this.#stageTimer.start(stage, this.#fork.startedAt, this.#fork)
    await this.#driveFork(this.#fork)
  }

  async #driveFork(fork: Fork): Promise<void> {
    // A child may be woken between the end of a drive and here.
    do await fork.drive()
    while (fork.isReady)
    if (this.#abandoned) throw this.#abandoned
    if (!fork.hasEnded) {
      this.#status = 'paused'
      return this.#commit([])
    }
    this.#fork = undefined
    const failed = fork.children.filter(({ status }) => status !== 'succeeded').length
    this.#record('subpipeline:join', { stageId: fork.stage.id, failed })
    await this.#leave(fork.stage, fork.visit, fork.startedAt, fork.outcome(this.#live.value))
  }

  #childPlace(stage: CompiledStage, visit: number, index: number): ChildPlace {
    return {
      path: joinPath(joinPath(this.path, stage.id), index),
      key: `${this.#place.key}${stage.id}.${visit}/${index}/`,
      keepsLedger: this.#keepsLedger,
      wake: (child) => {
        if (!this.#fork?.wake(child) && this.#status === 'paused') this.#wakeUp()
      },
    }
  }

  // ——— from the end of a stage to the boundary

  /** Takes over what a stage came to, asks its router, and moves. */
  async #leave(stage: CompiledStage, visit: number, startedAt: number, outcome: StageOutcome): Promise<void> {
    this.#underWay = undefined
    this.#stageTimer.clear()
    if (this.#abandoned) throw this.#abandoned
    if (outcome.ledger.length > 0) this.#ending.ledger.push(...outcome.ledger)
    if (!outcome.ok) {
      const cutOff = this.#interruption ?? this.#stageTimer.timeout
      if (outcome.parks && !cutOff) return this.#park(stage, outcome.error)
      return this.#failStage(stage, visit, cutOff ?? outcome.error)
    }
    const { change, results, events } = outcome
    try {
      if (change) this.#pipeline.checkState(change.next)
    } catch (error) {
      return this.#failStage(stage, visit, toSystemError(error))
    }
    this.#record('stage:success', { stageId: stage.id, visit })
    if (change) this.#live.record('state:commit', { stageId: stage.id }, change)
    const committed = this.#live.withSignals(change?.next ?? this.#live.value)
    let state = committed
    let move: Move = { next: this.#pipeline.stages[stage.index + 1] }
    let failure: SystemError | undefined
    if (stage.router && !this.#interruption) {
      try {
        const { event } = this.#host
        let decision = stage.router({ state, event, resume: this.#resume, results })
        if (isThenable(decision)) {
          decision = await this.#untilInterrupted(decision, stage, startedAt)
          state = this.#live.withSignals(state)
        }
        move = toMove(decision, this.#pipeline, stage, this.#host.clock.now())
      } catch (error) {
        failure = toSystemError(error, `The router of stage "${stage.id}"`)
      }
      if (this.#abandoned) throw this.#abandoned
    }
    this.#record('router:evaluated', {
      stageId: stage.id,
      ...(move.wait ? { pauses: true } : {}),
      ...(move.next ? { next: move.next.id } : {}),
    })
    this.#live.value = state
    this.#visits.set(stage.id, visit)
    this.#interruptions = 0
    this.#next = move.next
    this.#entry = move.entry
    if (move.wait && !failure && !this.#interruption) this.#pause(move.wait)
    await this.#boundary(events, failure ?? this.#interruption)
  }

  async #untilInterrupted(
    decision: PromiseLike<unknown>,
    stage: CompiledStage,
    startedAt: number,
  ): Promise<unknown> {
    try {
      return await new Promise((resolve, reject) => {
        this.#underWay = { interrupt: reject }
        this.#stageTimer.start(stage, startedAt, this.#underWay)
        Promise.resolve(decision).then(resolve, reject)
      })
    } finally {
      this.#underWay = undefined
      this.#stageTimer.clear()
    }
  }

  #failStage(stage: CompiledStage, visit: number, error: SystemError): Promise<void> {
    if (!this.#interruption) {
      this.#record('stage:failure', { stageId: stage.id, visit, error: serializeError(error) })
    }
    this.#live.land()
    this.#visits.set(stage.id, visit)
    return this.#boundary([], this.#interruption ?? error)
  }

  /** Leaves the stage as it was before this visit, to be tried again. */
  #park({ id: stageId }: CompiledStage, cause: SystemError): Promise<void> {
    const error = serializeError(cause)
    this.#record('stage:failure', { stageId, parked: true, error })
    this.#live.land()
    this.#interruptions++
    this.#pause({ kind: 'exhausted', stageId, since: this.#host.clock.now(), error })
    return this.#boundary([])
  }

  /** The one way from a stage to whatever comes next: another stage, sleep, success, or a bad end. */
  #boundary(events: readonly BusEvent[], failure?: SystemError): Promise<void> {
    if (failure) this.#beginEnding(failure)
    else if (!this.#next && this.#status === 'running') this.#end('succeeded')
    return this.#commit(events)
  }

  async #commit(events: readonly BusEvent[]): Promise<void> {
    const committed = this.#host.commit(events)
    if (committed) await committed
    if (this.#abandoned) throw this.#abandoned
  }

  // ——— waiting

  #pause(wait: Wait): void {
    this.#status = 'paused'
    this.#record('pipeline:pause', { stageId: wait.stageId, kind: wait.kind })
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

  #paused(): readonly PipelineRun[] {
    if (this.#wait.current) return [this]
    return this.#fork?.children.flatMap((child) => child.#paused()) ?? []
  }

  #prepareResume(cause: ResumeCause, assign?: Readonly<Record<string, string>>): () => void {
    const endWait = this.#wait.prepareEnd(cause, assign)
    return () => {
      this.#resume = cause
      this.#record('pipeline:resume', { cause })
      endWait()
      this.#wakeUp()
    }
  }

  #wakeUp(): void {
    this.#status = 'running'
    if (this.#place.wake) this.#place.wake(this)
    else this.#host.wake?.()
  }

  // ——— ending

  #beginEnding(failure: SystemError): void {
    this.#next = undefined
    this.#entry = undefined
    const status = failure.code === 'ABORTED' && failure === this.#interruption ? 'aborted' : 'failed'
    if (!this.#ending.begin(status, failure)) this.#end(status)
  }

  async #undoNext(): Promise<void> {
    const takeOver = await this.#ending.undoNext(this.#resume, this.#interruptions, (execution) => {
      this.#underWay = execution
    })
    this.#underWay = undefined
    if (this.#abandoned) throw this.#abandoned
    this.#interruptions = 0
    const events = takeOver()
    if (this.#ending.isDone) this.#end(this.#ending.current!.status)
    return this.#commit(events)
  }

  #end(status: 'succeeded' | 'failed' | 'aborted'): void {
    this.#status = status
    this.#clearTimers()
    this.#host.closed?.(this)
    this.#ending.current = undefined
    this.#live.refuseSignals(this.#refused('signal'))
    const type = { succeeded: 'success', failed: 'failure', aborted: 'abort' }[status]
    this.#record(`pipeline:${type}`, this.error ? { error: serializeError(this.error) } : {})
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
    this.#stageTimer.clear()
  }

  // ——— what is said

  get #keepsLedger(): boolean {
    return this.#pipeline.compensates || (this.#place.keepsLedger ?? false)
  }

  #frame(stage: CompiledStage, visit: number): StageFrame {
    return {
      host: this.#host,
      pipelineId: this.#pipeline.id,
      stageId: stage.id,
      pipelinePath: this.path,
      path: joinPath(this.path, stage.id),
      visitKey: `${this.#host.runId}/${this.#place.key}${stage.id}.${visit}`,
      snapshot: this.#live.value,
      resume: this.#resume,
      interruptions: this.#interruptions,
    }
  }

  #recordStart(): void {
    this.#hasStarted = true
    const payload = { pipelineId: this.#pipeline.id, ...this.#where }
    const state = this.path === '' ? { state: this.#live.value } : undefined
    this.#host.record?.('pipeline', 'pipeline:start', payload, state)
  }

  #record(type: string, payload: Readonly<Record<string, unknown>>): void {
    this.#host.record?.('pipeline', type, { pipelineId: this.#pipeline.id, ...this.#where, ...payload })
  }

  get #where(): { readonly path?: string } {
    return this.path === '' ? {} : { path: this.path }
  }

  #refused(verb: string): SystemError {
    return refused(verb, this.#status, this.#host.runId)
  }
}
