import type { BusEvent } from '../core/bus-event.js'
import type { TimerHandle } from '../core/clock.js'
import { isThenable } from '../core/is-thenable.js'
import { SystemError, describe, isSystemError, reviveError, serializeError } from '../core/system-error.js'
import { type Change, type StateObject, fromPartial, toChange } from '../state/change.js'
import { type StepChange, mergeChanges } from '../state/merge-changes.js'
import type { StageFrame } from './attempt.js'
import type { Ending, LedgerEntry, PipelineCheckpoint, PipelineStatus, Wait } from './checkpoint.js'
import { type Place, joinPath, newestUndo } from './compensation.js'
import type { CompiledPipeline, CompiledStage } from './compiled-pipeline.js'
import { Fork } from './fork.js'
import { forkChildren, joinChildren } from './fork-children.js'
import type { ResumeCause } from './resume-cause.js'
import { type Move, type StageEntry, enter, toMove } from './routing.js'
import type { RunHost, StageWatch, WaitingPipeline } from './run-host.js'
import { StepBarrier } from './step-barrier.js'
import type { StepOutcome } from './step-execution.js'
import { restoreWait, resumeChanges, waitDeadline } from './wait.js'

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

interface Interruptible {
  interrupt(reason: SystemError): void
}

interface PendingSignal {
  readonly patch: Readonly<Record<string, unknown>>
  readonly landed: () => void
  readonly refused: (error: unknown) => void
}

/** What a stage came to, before its router is asked. */
interface StageOutcome {
  readonly change: Change | undefined
  readonly results: Readonly<Record<string, unknown>>
  readonly events: readonly BusEvent[]
  readonly ledger: readonly LedgerEntry[]
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
  readonly #ledger: LedgerEntry[]
  #status: PipelineStatus
  #state: StateObject
  #next: CompiledStage | undefined
  #entry: StageEntry | undefined
  #interruptions = 0
  #resume: ResumeCause | undefined
  #wait: Wait | undefined
  #fork: Fork | undefined
  #ending: Ending | undefined
  #error: SystemError | undefined
  #hasStarted: boolean
  #isAdvancing = false
  /** Why the run must end, from the moment somebody said so. */
  #interruption: SystemError | undefined
  #abandoned: SystemError | undefined
  /** What an interruption must reach: the steps under way, or the router. */
  #underWay: Interruptible | undefined
  #signals: PendingSignal[] = []
  #waitTimer: TimerHandle
  #deadlineTimer: TimerHandle
  #stageTimer: TimerHandle
  /** Set when the stage under way has used up its time. */
  #stageTimeout: SystemError | undefined

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
    this.#ledger = [...checkpoint.ledger]
    this.#status = checkpoint.status
    this.#state = checkpoint.state
    this.#next = checkpoint.next === undefined ? undefined : enter(pipeline, { stage: checkpoint.next }).next
    this.#entry = checkpoint.entry
    this.#interruptions = checkpoint.interruptions
    this.#resume = checkpoint.resume
    this.#wait = checkpoint.wait
    this.#ending = checkpoint.ending
    this.#error = checkpoint.error && toSystemError(reviveError(checkpoint.error))
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
    const checkpoint: PipelineCheckpoint = {
      pipelineId: pipeline.id,
      status: 'running',
      state,
      startedAt: host.clock.now(),
      ...(move.next ? { next: move.next.id } : {}),
      ...(move.entry ? { entry: move.entry } : {}),
      visits: {},
      interruptions: 0,
      ledger: [],
    }
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
        ...(wait ? { wait: restoreWait(wait, host.clock.now(), lastAliveAt) } : {}),
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
      run.#startStageTimer(stage, inside.startedAt, run.#fork)
      if (run.#fork.isReady) run.#status = 'running'
    }
    if (run.#wait) run.#armWait()
    return run
  }

  get status(): PipelineStatus {
    return this.#status
  }
  get hasEnded(): boolean {
    return this.#status !== 'running' && this.#status !== 'paused'
  }
  get state(): StateObject {
    return this.#state
  }
  /** Why it failed or was aborted. */
  get error(): SystemError | undefined {
    return this.#error
  }
  get wait(): Wait | undefined {
    return this.#wait
  }
  get pipelineId(): string {
    return this.#pipeline.id
  }
  get ledger(): readonly LedgerEntry[] {
    return this.#ledger
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
      return where(event, this.#state)
    } catch {
      return undefined
    }
  }

  /** Whether it was told to end, or has ended. */
  get isEnding(): boolean {
    return this.hasEnded || this.#interruption !== undefined || this.#ending !== undefined
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
    if (this.#ending) return this.#undoNext(this.#ending)
    if (this.#fork) return this.#driveFork(this.#fork)
    if (this.#interruption) return this.#boundary([], this.#interruption)
    const stage = this.#next
    if (!stage) return this.#boundary([])
    const visit = (this.#visits.get(stage.id) ?? 0) + 1
    if (visit > this.#pipeline.maxVisits) return this.#boundary([], this.#loopLimit(stage))
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
      throw new SystemError('INVALID_COMMAND', `Cannot resume: the run is ${this.#status}, not paused`, {
        context: { runId: this.#host.runId, status: this.#status },
      })
    }
    const steps = waiting.map((each) => each.#prepareResume(cause, assign))
    for (const apply of steps) apply()
  }

  /**
   * Merges a patch into the state at the next boundary, at once when nothing is under way. Resolves when it has landed;
   * rejects with `VALIDATION` when it does not fit, or `INVALID_COMMAND` when the run ended before.
   */
  signal(patch: Readonly<Record<string, unknown>>): Promise<void> {
    return new Promise((landed, refused) => {
      // What is no plain data is refused now, not at the boundary.
      fromPartial({}, patch)
      if (this.hasEnded) return refused(this.#tooLate('signal'))
      this.#signals.push({ patch, landed, refused })
      if (this.#status === 'paused' || !this.#isAdvancing) this.#state = this.#landSignals(this.#state)
    })
  }

  /**
   * Changes the state between two stages, for hooks.
   *
   * @throws {SystemError} `VALIDATION` when the change does not fit, `INVALID_COMMAND` when a stage is under way.
   */
  write(output: unknown): void {
    if (this.#isAdvancing || this.hasEnded) throw this.#tooLate('write to')
    const change = toChange(this.#state, output)
    if (!change) return
    this.#pipeline.checkState(change.next)
    this.#recordChange('state:signal', {}, change)
    this.#state = change.next
  }

  /** Ends the run: as aborted when the reason's code is `ABORTED`, else as failed. */
  interrupt(reason: SystemError): void {
    if (this.hasEnded || this.#interruption || this.#ending) return
    this.#interruption = reason
    this.#fork?.interrupt(reason)
    this.#underWay?.interrupt(reason)
    if (this.#status === 'paused') {
      this.#endWait()
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
    for (const signal of this.#signals.splice(0)) signal.refused(reason)
  }

  checkpoint(): PipelineCheckpoint {
    return {
      pipelineId: this.#pipeline.id,
      status: this.#status,
      state: this.#state,
      startedAt: this.#startedAt,
      ...(this.#next ? { next: this.#next.id } : {}),
      ...(this.#entry ? { entry: this.#entry } : {}),
      visits: Object.fromEntries(this.#visits),
      interruptions: this.#interruptions,
      ...(this.#resume ? { resume: this.#resume } : {}),
      ...(this.#wait ? { wait: this.#wait } : {}),
      ...(this.#fork ? { inside: this.#fork.checkpoint() } : {}),
      ledger: [...this.#ledger],
      ...(this.#ending ? { ending: this.#ending } : {}),
      ...(this.#error ? { error: serializeError(this.#error) } : {}),
    }
  }

  // ——— a stage of steps

  async #runSteps(stage: CompiledStage, visit: number): Promise<void> {
    const only = this.#entry?.step
    const steps = only === undefined ? stage.steps : stage.steps.filter(({ id }) => id === only)
    let outcomes: readonly StepOutcome[] = []
    if (steps.length > 0) {
      const barrier = new StepBarrier(steps, this.#frame(stage, visit))
      this.#underWay = barrier
      const settled = barrier.run()
      this.#startStageTimer(stage, this.#host.clock.now(), barrier)
      outcomes = await settled
      this.#underWay = undefined
      this.#clearStageTimer()
      if (this.#abandoned) throw this.#abandoned
    }
    const failures = outcomes.filter((outcome) => !outcome.ok)
    if (failures.length > 0) {
      const error = this.#interruption ?? this.#stageTimeout ?? this.#stageError(stage, failures)
      const parks = !this.#interruption && !this.#stageTimeout && failures.every((failure) => failure.parks)
      return parks ? this.#park(stage, error) : this.#failStage(stage, visit, error)
    }
    let outcome: StageOutcome
    try {
      outcome = this.#merge(stage, visit, steps, outcomes)
    } catch (error) {
      return this.#failStage(stage, visit, toSystemError(error))
    }
    await this.#settleStage(stage, visit, outcome)
  }

  #merge(
    stage: CompiledStage,
    visit: number,
    steps: CompiledStage['steps'],
    outcomes: readonly StepOutcome[],
  ): StageOutcome {
    const changes: StepChange[] = []
    const results: Record<string, unknown> = {}
    const events: BusEvent[] = []
    const ledger: LedgerEntry[] = []
    outcomes.forEach((outcome, index) => {
      if (!outcome.ok) return
      const { id, compensation } = steps[index]!
      if (outcome.change) changes.push({ stepId: id, change: outcome.change })
      if (typeof outcome.output !== 'function') results[id] = outcome.output
      if (outcome.events.length > 0) events.push(...outcome.events)
      if (compensation && this.#keepsLedger) ledger.push({ stageId: stage.id, visit, stepId: id })
    })
    const change = changes.length > 0 ? mergeChanges(this.#state, changes, stage.onConflict) : undefined
    if (change) this.#pipeline.checkState(change.next)
    return { change, results, events, ledger }
  }

  // ——— a stage of children

  async #enterFork(stage: CompiledStage, visit: number): Promise<void> {
    try {
      const children = forkChildren(
        stage,
        this.#pipeline,
        this.#host.event,
        this.#state,
        this.#entry?.pipeline,
      )
      this.#fork = new Fork(
        stage,
        visit,
        this.#host.clock.now(),
        children.map(({ pipeline, state, at }, index) => ({
          pipeline,
          run: PipelineRun.start(
            stage.children[pipeline]!,
            this.#host,
            state,
            this.#childPlace(stage, visit, index),
            at,
          ),
        })),
      )
      this.#startStageTimer(stage, this.#fork.startedAt, this.#fork)
      this.#record('subpipeline:fork', { stageId: stage.id, children: children.length })
    } catch (error) {
      return this.#failStage(stage, visit, toSystemError(error))
    }
    await this.#driveFork(this.#fork)
  }

  async #driveFork(fork: Fork): Promise<void> {
    const { stage, visit } = fork
    do await fork.drive()
    while (fork.isReady)
    if (this.#abandoned) throw this.#abandoned
    if (!fork.hasEnded) {
      this.#status = 'paused'
      return this.#commit([])
    }
    this.#clearStageTimer()
    this.#fork = undefined
    let outcome: StageOutcome
    const ledger = fork.ledger()
    try {
      const results = fork.results()
      this.#record('subpipeline:join', {
        stageId: stage.id,
        failed: results.filter(({ ok }) => !ok).length,
      })
      const reason = this.#stageTimeout ?? this.#interruption
      if (reason) throw reason
      const { change, byId } = joinChildren(stage, this.#state, results)
      if (change) this.#pipeline.checkState(change.next)
      outcome = { change, results: byId, events: [], ledger }
    } catch (error) {
      this.#ledger.push(...ledger)
      return this.#failStage(stage, visit, toSystemError(error))
    }
    await this.#settleStage(stage, visit, outcome)
  }

  #childPlace(stage: CompiledStage, visit: number, index: number): ChildPlace {
    return {
      path: joinPath(joinPath(this.path, stage.id), index),
      key: `${this.#place.key}${stage.id}.${visit}/${index}/`,
      keepsLedger: this.#keepsLedger,
      wake: (child) => {
        if (this.#fork?.wake(child)) return
        if (this.#status === 'paused') this.#wakeUp()
      },
    }
  }

  // ——— from the end of a stage to the boundary

  async #settleStage(stage: CompiledStage, visit: number, outcome: StageOutcome): Promise<void> {
    const { change, ledger, events } = outcome
    this.#record('stage:success', { stageId: stage.id, visit })
    if (change) this.#recordChange('state:commit', { stageId: stage.id }, change)
    let state = this.#landSignals(change?.next ?? this.#state)
    let move: Move = { next: this.#pipeline.stages[stage.index + 1] }
    let failure: SystemError | undefined
    if (stage.router && !this.#interruption) {
      try {
        let decision = stage.router({
          state,
          event: this.#host.event,
          resume: this.#resume,
          results: outcome.results,
        })
        if (isThenable(decision)) {
          decision = await this.#untilInterrupted(decision, stage)
          state = this.#landSignals(state)
        }
        move = toMove(decision, this.#pipeline, stage, this.#host.clock.now())
      } catch (error) {
        failure = this.#routerError(stage, error)
      }
      if (this.#abandoned) throw this.#abandoned
    }
    this.#record('router:evaluated', {
      stageId: stage.id,
      ...(move.wait ? { pauses: true } : {}),
      ...(move.next ? { next: move.next.id } : {}),
    })
    this.#state = state
    this.#visits.set(stage.id, visit)
    if (ledger.length > 0) this.#ledger.push(...ledger)
    this.#interruptions = 0
    this.#next = move.next
    this.#entry = move.entry
    if (move.wait && !failure && !this.#interruption) this.#pause(move.wait)
    await this.#boundary(events, failure ?? this.#interruption)
  }

  async #untilInterrupted(decision: PromiseLike<unknown>, stage: CompiledStage): Promise<unknown> {
    try {
      return await new Promise((resolve, reject) => {
        this.#underWay = { interrupt: reject }
        this.#startStageTimer(stage, this.#host.clock.now(), this.#underWay)
        Promise.resolve(decision).then(resolve, reject)
      })
    } finally {
      this.#underWay = undefined
      this.#clearStageTimer()
    }
  }

  #failStage(stage: CompiledStage, visit: number, error: SystemError): Promise<void> {
    if (!this.#interruption) {
      this.#record('stage:failure', { stageId: stage.id, visit, error: serializeError(error) })
    }
    this.#state = this.#landSignals(this.#state)
    this.#visits.set(stage.id, visit)
    return this.#boundary([], this.#interruption ?? error)
  }

  /** Leaves the stage as it was before this visit, to be tried again. */
  #park(stage: CompiledStage, error: SystemError): Promise<void> {
    this.#record('stage:failure', { stageId: stage.id, parked: true, error: serializeError(error) })
    this.#state = this.#landSignals(this.#state)
    this.#interruptions++
    this.#pause({
      kind: 'exhausted',
      stageId: stage.id,
      since: this.#host.clock.now(),
      error: serializeError(error),
    })
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
    this.#wait = wait
    this.#record('pipeline:pause', { stageId: wait.stageId, kind: wait.kind })
    this.#armWait()
  }

  #armWait(): void {
    const dueAt = waitDeadline(this.#wait!)
    if (dueAt !== Infinity) {
      const { clock } = this.#host
      this.#waitTimer = clock.setTimeout(() => {
        try {
          this.#prepareResume({ kind: 'timeout' })()
        } catch (error) {
          this.interrupt(toSystemError(error))
        }
      }, dueAt - clock.now())
    }
    this.#host.waiting?.(this)
  }

  #endWait(cause?: ResumeCause): void {
    if (!this.#wait) return
    this.#wait = undefined
    this.#host.clock.clearTimeout(this.#waitTimer)
    this.#host.waited?.(this, cause)
  }

  #paused(): readonly PipelineRun[] {
    if (this.#wait) return [this]
    return this.#fork?.children.flatMap((child) => child.#paused()) ?? []
  }

  #prepareResume(cause: ResumeCause, assign?: Readonly<Record<string, string>>): () => void {
    const changes = resumeChanges(this.#state, this.#wait!, cause, assign)
    const state = changes.at(-1)?.next
    if (state) this.#pipeline.checkState(state)
    return () => {
      this.#endWait(cause)
      this.#resume = cause
      this.#record('pipeline:resume', { cause })
      for (const change of changes) this.#recordChange('state:commit', {}, change)
      if (state) this.#state = state
      this.#wakeUp()
    }
  }

  #wakeUp(): void {
    this.#status = 'running'
    if (this.#place.wake) this.#place.wake(this)
    else this.#host.wake?.()
  }

  #landSignals(state: StateObject): StateObject {
    for (const { patch, landed, refused } of this.#signals.splice(0)) {
      try {
        const change = fromPartial(state, patch)
        if (change) {
          this.#pipeline.checkState(change.next)
          this.#recordChange('state:signal', {}, change)
          state = change.next
        }
        landed()
      } catch (error) {
        refused(error)
      }
    }
    return state
  }

  // ——— ending

  #beginEnding(failure: SystemError): void {
    this.#next = undefined
    this.#entry = undefined
    const status = failure.code === 'ABORTED' && failure === this.#interruption ? 'aborted' : 'failed'
    this.#ending = { status, error: serializeError(failure), compensationErrors: [] }
    this.#error = failure
    const undoes = this.#pipeline.compensates && this.#undo() !== undefined
    if (!undoes) this.#end(status)
  }

  #undo() {
    return newestUndo(this.#ledger, this.#pipeline, this.#place, this.#state)
  }

  /** Undoes one committed step. A compensation that fails is reported, and the others go on. */
  async #undoNext(ending: Ending): Promise<void> {
    const undo = this.#undo()
    if (!undo) {
      this.#end(ending.status)
      return this.#commit([])
    }
    const barrier = new StepBarrier([undo.compensation], {
      ...undo,
      host: this.#host,
      visitKey: `${this.#host.runId}/${undo.visitKey}`,
      snapshot: undo.state,
      resume: this.#resume,
      interruptions: this.#interruptions,
    })
    this.#underWay = barrier
    const [outcome] = await barrier.run()
    this.#underWay = undefined
    if (this.#abandoned) throw this.#abandoned
    this.#interruptions = 0
    let state = undo.state
    if (outcome!.ok && outcome!.change) {
      state = outcome!.change.next
      if (undo.isOwn) {
        this.#recordChange('state:commit', { stageId: undo.stageId, compensates: true }, outcome!.change)
        this.#state = state
      }
    }
    if (!outcome!.ok) {
      const compensationErrors = [...ending.compensationErrors, serializeError(outcome!.error)]
      this.#ending = { ...ending, compensationErrors }
      this.#error = withCompensationErrors(this.#error!, [outcome!.error])
    }
    const ledger = undo.done(state)
    this.#ledger.splice(0, Infinity, ...ledger)
    if (this.#undo() === undefined) this.#end(ending.status)
    return this.#commit(outcome!.ok ? outcome!.events : [])
  }

  #end(status: 'succeeded' | 'failed' | 'aborted'): void {
    this.#status = status
    this.#clearTimers()
    this.#host.closed?.(this)
    this.#ending = undefined
    for (const signal of this.#signals.splice(0)) signal.refused(this.#tooLate('signal'))
    const type = { succeeded: 'success', failed: 'failure', aborted: 'abort' }[status]
    this.#record(`pipeline:${type}`, this.#error ? { error: serializeError(this.#error) } : {})
  }

  // ——— time

  #setDeadline(): void {
    const { clock, runId } = this.#host
    const { timeoutMs, id } = this.#pipeline
    const message = `Pipeline "${id}" took longer than its timeout of ${timeoutMs} ms`
    const error = new SystemError('TIMEOUT', message, { context: { runId, pipelineId: id } })
    this.#deadlineTimer = clock.setTimeout(
      () => this.interrupt(error),
      this.#startedAt + timeoutMs - clock.now(),
    )
  }

  #startStageTimer(stage: CompiledStage, since: number, target: Interruptible): void {
    const { clock, runId } = this.#host
    const { timeoutMs, id } = stage
    this.#stageTimeout = undefined
    if (timeoutMs === Infinity) return
    const message = `Stage "${id}" took longer than its timeout of ${timeoutMs} ms`
    const onDue = () => {
      this.#stageTimeout = new SystemError('TIMEOUT', message, { context: { runId, stageId: id } })
      target.interrupt(this.#stageTimeout)
    }
    this.#stageTimer = clock.setTimeout(onDue, since + timeoutMs - clock.now())
  }

  #clearStageTimer(): void {
    if (this.#stageTimer === undefined) return
    this.#host.clock.clearTimeout(this.#stageTimer)
    this.#stageTimer = undefined
  }

  #clearTimers(): void {
    const { clock } = this.#host
    if (this.#waitTimer !== undefined) clock.clearTimeout(this.#waitTimer)
    if (this.#deadlineTimer !== undefined) clock.clearTimeout(this.#deadlineTimer)
    this.#clearStageTimer()
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
      snapshot: this.#state,
      resume: this.#resume,
      interruptions: this.#interruptions,
    }
  }

  #recordStart(): void {
    this.#hasStarted = true
    this.#host.record?.(
      'pipeline',
      'pipeline:start',
      { pipelineId: this.#pipeline.id, ...this.#where },
      this.path === '' ? { state: this.#state } : undefined,
    )
  }

  #record(type: string, payload: Readonly<Record<string, unknown>>): void {
    this.#host.record?.('pipeline', type, { pipelineId: this.#pipeline.id, ...this.#where, ...payload })
  }

  /** The timeline replays the state of the run itself; of a child it tells which fields were written. */
  #recordChange(type: string, payload: Readonly<Record<string, unknown>>, change: Change): void {
    const delta = change.patches
    if (this.path === '') this.#host.record?.('store', type, payload, { delta, state: change.next })
    else {
      const changed = [...new Set(delta.map(({ path }) => path[0]))]
      this.#host.record?.('store', type, { ...payload, ...this.#where, changed })
    }
  }

  get #where(): { readonly path?: string } {
    return this.path === '' ? {} : { path: this.path }
  }

  #stageError(stage: CompiledStage, failures: readonly StepOutcome[]): SystemError {
    const errors = failures.flatMap((failure) => (failure.ok ? [] : [failure.error]))
    const message = `Stage "${stage.id}" failed: ${errors.map(({ message }) => message).join('; ')}`
    return new SystemError('EXECUTION_FAILED', message, {
      cause: errors[0],
      errors,
      context: { runId: this.#host.runId, pipelineId: this.#pipeline.id, stageId: stage.id },
    })
  }

  #routerError(stage: CompiledStage, cause: unknown): SystemError {
    if (isSystemError(cause)) return cause
    return new SystemError(
      'EXECUTION_FAILED',
      `The router of stage "${stage.id}" failed: ${describe(cause)}`,
      {
        cause,
        context: { runId: this.#host.runId, pipelineId: this.#pipeline.id, stageId: stage.id },
      },
    )
  }

  #loopLimit({ id }: CompiledStage): SystemError {
    const { maxVisits } = this.#pipeline
    return new SystemError(
      'LOOP_LIMIT',
      `Stage "${id}" was to be visited more than ${maxVisits} times: end the loop, or raise maxVisits`,
      { context: { runId: this.#host.runId, stageId: id, maxVisits } },
    )
  }

  #tooLate(verb: string): SystemError {
    return new SystemError('INVALID_COMMAND', `Cannot ${verb} the run: it is ${this.#status}`, {
      context: { runId: this.#host.runId, status: this.#status },
    })
  }
}

function toSystemError(error: unknown): SystemError {
  if (isSystemError(error)) return error
  return new SystemError('EXECUTION_FAILED', describe(error), { cause: error })
}

function withCompensationErrors(error: SystemError, more: readonly SystemError[]): SystemError {
  return new SystemError(error.code, error.message, {
    cause: error.cause,
    context: { ...error.context, compensationFailed: true },
    errors: [...(error.errors ?? []), ...more],
  })
}
