import type { BusEvent } from '../core/bus-event.js'
import { isThenable } from '../core/is-thenable.js'
import { type SystemError, serializeError } from '../core/system-error.js'
import type { StateObject } from '../state/change.js'
import type { ForkCheckpoint, LedgerEntry } from './checkpoint.js'
import { type Place, joinPath } from './compensation.js'
import type { CompiledPipeline, CompiledStage } from './compiled-pipeline.js'
import { Fork, type ForkChild } from './fork.js'
import { forkChildren } from './fork-children.js'
import type { LiveState } from './live-state.js'
import type { ChildPlace, PipelineRun } from './pipeline-run.js'
import { toSystemError } from './pipeline-errors.js'
import { routedPayload, stagePayloads } from './recorded-payloads.js'
import type { ResumeCause } from './resume-cause.js'
import { type Move, type StageEntry, toMove } from './routing.js'
import type { RunHost } from './run-host.js'
import type { StageOutcome, StageSuccess } from './stage-outcome.js'
import { type Interruptible, StageTimer } from './stage-timer.js'
import { StepStage } from './step-stage.js'
import { VisitFrame } from './visit-frame.js'

/** One visit of a stage. */
export interface StageVisit {
  readonly stage: CompiledStage
  readonly visit: number
  /** How the stage is entered, when not as a whole. */
  readonly entry: StageEntry | undefined
  readonly resume: ResumeCause | undefined
  /** Executions of this visit that were cut off before they could commit. */
  readonly interruptions: number
}

/** What a visit came to. Nothing of the pipeline has changed by then: that is for its owner, at the boundary. */
export interface StageDone {
  readonly type: 'moved'
  readonly of: StageVisit
  readonly state: StateObject
  readonly move: Move
  readonly events: readonly BusEvent[]
  readonly ledger: readonly LedgerEntry[]
  /** Why the pipeline cannot go where the stage wanted, though the stage itself is done. */
  readonly failure: SystemError | undefined
}

export interface StageFailed {
  readonly type: 'failed'
  readonly of: StageVisit
  readonly error: SystemError
  /** Whether the stage is to be tried again when a person says so. */
  readonly parks: boolean
  readonly ledger: readonly LedgerEntry[]
}

/** The last: its children wait; `proceed()` goes on with them. */
export type StageEnd = StageDone | StageFailed | { readonly type: 'asleep' }

/** What a stage needs of the pipeline it belongs to. */
export interface StageCycleHost {
  readonly pipeline: CompiledPipeline
  readonly host: RunHost
  readonly place: Place
  readonly live: LiveState
  readonly keepsLedger: boolean
  /** Why the pipeline must end, from the moment somebody said so. */
  readonly interruption: () => SystemError | undefined
  startChild(pipeline: CompiledPipeline, state: StateObject, place: ChildPlace, at: unknown): PipelineRun
  /** A child may go on while nobody drives the stage. */
  wakeUp(): void
  /** Absent when nothing is recorded; what would be recorded is then not even put together. */
  readonly record: ((type: string, payload: Readonly<Record<string, unknown>>) => void) | undefined
}

/** From the entry into a stage to the decision of its router. */
export class StageCycle {
  readonly #host: StageCycleHost
  readonly #timer: StageTimer
  #fork: Fork | undefined
  /** Its children have ended, and its router has not decided yet: until then it is what a checkpoint must hold. */
  #joined: Fork | undefined
  #visit: StageVisit | undefined
  /** What an interruption must reach: the steps under way, or the router. */
  #underWay: Interruptible | undefined

  constructor(host: StageCycleHost) {
    this.#host = host
    this.#timer = new StageTimer(host.host.clock, host.host.runId)
  }

  /** The stage whose children are under way. */
  get forked(): CompiledStage | undefined {
    return this.#fork?.stage
  }
  get children(): readonly PipelineRun[] {
    return this.#fork?.children ?? []
  }
  /** The child at a path, or on the way to it. Costs the same however many there are. */
  childTowards(path: string): PipelineRun | undefined {
    if (!this.#fork) return undefined
    const prefix = `${joinPath(this.#host.place.path, this.#fork.stage.id)}/`
    if (!path.startsWith(prefix)) return undefined
    return this.#fork.child(Number.parseInt(path.slice(prefix.length), 10))
  }
  /** Whether a child waits for `proceed()`. */
  get isReady(): boolean {
    return this.#fork?.isReady ?? false
  }

  enter(visit: StageVisit): Promise<StageEnd> {
    const { stage } = visit
    this.#visit = visit
    this.#recordVisit('stage:start', visit)
    return stage.children.length > 0 ? this.#openFork(visit) : this.#runSteps(visit)
  }

  /** Goes on with the children that can. */
  async proceed(): Promise<StageEnd> {
    const fork = this.#fork!
    // A child may be woken between the end of a drive and here.
    do await fork.drive()
    while (fork.isReady)
    if (!fork.hasEnded) return { type: 'asleep' }
    this.#fork = undefined
    this.#joined = fork
    const failed = fork.children.filter(({ status }) => status !== 'succeeded').length
    this.#host.record?.('subpipeline:join', { stageId: fork.stage.id, failed })
    return this.#leave(this.#visit!, fork.outcome(this.#host.live.value), fork.startedAt)
  }

  /** Takes up a stage whose children were under way; returns whether one of them can go on. */
  restore(visit: StageVisit, { startedAt, children }: ForkCheckpoint, restoreChild: RestoreChild): boolean {
    const { stage } = visit
    const runs = children.map(({ pipeline, checkpoint }, index) => {
      const place = this.#childPlace(visit, index)
      return { pipeline, run: restoreChild(stage.children[pipeline]!, checkpoint, place) }
    })
    this.#visit = visit
    this.#fork = new Fork(stage, visit.visit, startedAt, runs)
    this.#timer.start(stage, startedAt, this.#fork)
    return this.#fork.isReady
  }

  interrupt(reason: SystemError): void {
    this.#fork?.interrupt(reason)
    this.#underWay?.interrupt(reason)
  }

  abandon(reason: SystemError): void {
    this.#timer.clear()
    this.#fork?.abandon(reason)
    this.#underWay?.interrupt(reason)
  }

  checkpoint(): ForkCheckpoint | undefined {
    return (this.#fork ?? this.#joined)?.checkpoint()
  }

  /** The pipeline has taken over what the visit came to. */
  left(): void {
    this.#joined = undefined
  }

  clearTimer(): void {
    this.#timer.clear()
  }

  async #runSteps(of: StageVisit): Promise<StageEnd> {
    const { stage, visit, entry } = of
    const startedAt = stage.timeoutMs === Infinity ? 0 : this.#host.host.clock.now()
    if (stage.steps.length === 0) return this.#leave(of, NOTHING_DONE, startedAt)
    const frame = new VisitFrame(this.#host, of)
    const steps = new StepStage(stage, frame, visit, this.#host.keepsLedger, entry?.step)
    this.#underWay = steps
    const outcome = steps.run()
    this.#timer.start(stage, startedAt, steps)
    return this.#leave(of, await outcome, startedAt)
  }

  #openFork(of: StageVisit): Promise<StageEnd> {
    const { stage, visit, entry } = of
    const { pipeline, host, live } = this.#host
    try {
      const starts = forkChildren(stage, pipeline, host.event, live.value, entry?.pipeline)
      const children = starts.map((start, index): ForkChild => {
        const child = stage.children[start.pipeline]!
        const run = this.#host.startChild(child, start.state, this.#childPlace(of, index), start.at)
        return { pipeline: start.pipeline, run }
      })
      this.#fork = new Fork(stage, visit, host.clock.now(), children)
    } catch (error) {
      return Promise.resolve(this.#failed(of, toSystemError(error, `Forking stage "${stage.id}"`)))
    }
    this.#host.record?.('subpipeline:fork', { stageId: stage.id, children: this.children.length })
    this.#timer.start(stage, this.#fork.startedAt, this.#fork)
    return this.proceed()
  }

  #childPlace({ stage, visit }: StageVisit, index: number): ChildPlace {
    const { place, keepsLedger } = this.#host
    return {
      path: joinPath(joinPath(place.path, stage.id), index),
      key: `${place.key}${stage.id}.${visit}/${index}/`,
      keepsLedger,
      wake: (child) => {
        if (!this.#fork?.wake(child)) this.#host.wakeUp()
      },
    }
  }

  /** Takes what a stage came to, and asks its router. A promise only where the router gives one. */
  #leave(of: StageVisit, outcome: StageOutcome, startedAt: number): StageEnd | Promise<StageEnd> {
    const { stage } = of
    const { live, pipeline, record } = this.#host
    this.#underWay = undefined
    this.#timer.clear()
    const { ledger } = outcome
    if (!outcome.ok) {
      const cutOff = this.#host.interruption() ?? this.#timer.timeout
      return this.#failed(of, cutOff ?? outcome.error, ledger, outcome.parks && !cutOff)
    }
    const { change, results } = outcome
    try {
      if (change) pipeline.checkState(change.next)
    } catch (error) {
      return this.#failed(of, toSystemError(error), ledger)
    }
    this.#recordVisit('stage:success', of)
    if (change && record) live.record('state:commit', stagePayloads(stage, pipeline.id).commit, change)
    const state = live.withSignals(change?.next ?? live.value)
    const onward = pipeline.stages[stage.index + 1]
    if (!stage.router || this.#host.interruption()) return this.#moved(of, outcome, state, { next: onward })
    try {
      const decision = stage.router({ state, event: this.#host.host.event, resume: of.resume, results })
      return isThenable(decision)
        ? this.#followLater(of, outcome, state, decision, startedAt)
        : this.#follow(of, outcome, state, decision)
    } catch (error) {
      return this.#moved(of, outcome, state, NOWHERE, routerFailed(of, error))
    }
  }

  async #followLater(
    of: StageVisit,
    outcome: StageSuccess,
    state: StateObject,
    decision: PromiseLike<unknown>,
    startedAt: number,
  ): Promise<StageEnd> {
    try {
      const late = await this.#untilInterrupted(decision, of.stage, startedAt)
      return this.#follow(of, outcome, this.#host.live.withSignals(state), late)
    } catch (error) {
      return this.#moved(of, outcome, state, NOWHERE, routerFailed(of, error))
    }
  }

  /** Goes where the router said. */
  #follow(of: StageVisit, outcome: StageSuccess, state: StateObject, decision: unknown): StageEnd {
    const { pipeline, host } = this.#host
    let move: Move
    try {
      move = toMove(decision, pipeline, of.stage, host.clock.now())
    } catch (error) {
      return this.#moved(of, outcome, state, NOWHERE, routerFailed(of, error))
    }
    return this.#moved(of, outcome, state, move)
  }

  #moved(
    of: StageVisit,
    { events, ledger }: StageSuccess,
    state: StateObject,
    move: Move,
    failure?: SystemError,
  ): StageEnd {
    this.#recordMove(of.stage, move)
    return { type: 'moved', of, state, move, events, ledger, failure }
  }

  async #untilInterrupted(decision: PromiseLike<unknown>, stage: CompiledStage, startedAt: number) {
    try {
      return await new Promise<unknown>((resolve, reject) => {
        this.#underWay = { interrupt: reject }
        this.#timer.start(stage, startedAt, this.#underWay)
        Promise.resolve(decision).then(resolve, reject)
      })
    } finally {
      this.#underWay = undefined
      this.#timer.clear()
    }
  }

  #recordVisit(type: string, { stage, visit }: StageVisit): void {
    const { host, record, pipeline, place } = this.#host
    if (visit === 1 && place.path === '') {
      host.record?.('pipeline', type, stagePayloads(stage, pipeline.id).visit)
    } else record?.(type, { stageId: stage.id, visit })
  }

  #recordMove(stage: CompiledStage, { wait, next }: Move): void {
    const { host, record, pipeline, place } = this.#host
    if (!wait && place.path === '') {
      host.record?.('pipeline', 'router:evaluated', routedPayload(stage, pipeline.id, next?.id))
      return
    }
    record?.('router:evaluated', {
      stageId: stage.id,
      ...(wait ? { pauses: true } : {}),
      ...(next ? { next: next.id } : {}),
    })
  }

  #failed(of: StageVisit, error: SystemError, ledger: readonly LedgerEntry[] = [], parks = false): StageEnd {
    if (!this.#host.interruption()) {
      const { stage, visit } = of
      const details = { ...(parks ? { parked: true } : {}), error: serializeError(error) }
      this.#host.record?.('stage:failure', { stageId: stage.id, visit, ...details })
    }
    return { type: 'failed', of, error, parks, ledger }
  }
}

type RestoreChild = (
  pipeline: CompiledPipeline,
  checkpoint: ForkCheckpoint['children'][number]['checkpoint'],
  place: ChildPlace,
) => PipelineRun

/** Where a router that failed leads. */
const NOWHERE: Move = { next: undefined }

function routerFailed({ stage }: StageVisit, error: unknown): SystemError {
  return toSystemError(error, `The router of stage "${stage.id}"`)
}

/** What a stage without steps comes to. */
const NOTHING_DONE: StageOutcome = { ok: true, change: undefined, results: {}, events: [], ledger: [] }
