import type { BusEvent } from '../core/bus-event.js'
import { type SystemError, serializeError } from '../core/system-error.js'
import type { ForkCheckpoint, PipelineCheckpoint, PipelineStatus, Wait } from './checkpoint.js'
import type { Place } from './compensation.js'
import type { CompiledPipeline } from './compiled-pipeline.js'
import { LiveState } from './live-state.js'
import { PipelineEnding } from './pipeline-ending.js'
import { refused } from './pipeline-errors.js'
import { PipelineHistory } from './pipeline-history.js'
import { PipelinePosition } from './pipeline-position.js'
import { PipelineWait, type WaitOwner } from './pipeline-wait.js'
import type { ResumeCause } from './resume-cause.js'
import type { RunHost } from './run-host.js'
import type { StageDone, StageFailed } from './stage-cycle.js'

/**
 * How far a pipeline has come: its status, state, position, ledger and wait, which is what a checkpoint holds of it, and the
 * rules by which one boundary follows another. It drives nothing, and commits nothing.
 *
 * Invariants:
 * - P1 state, position, visits and ledger change together and only at a boundary, so {@link checkpoint} may be called at any
 *   instant and describes the last one;
 * - P2 from a stage there is one way to whatever comes next: another stage, sleep, success, or a bad end;
 * - P3 once it has ended nothing of it changes any more.
 */
export class PipelineProgress {
  status: PipelineStatus
  /** Why the pipeline must end, from the moment somebody said so. */
  interruption: SystemError | undefined
  readonly startedAt: number
  readonly live: LiveState
  readonly position: PipelinePosition
  readonly wait: PipelineWait
  readonly ending: PipelineEnding
  readonly history: PipelineHistory
  readonly #pipeline: CompiledPipeline
  readonly #host: RunHost

  constructor(
    checkpoint: PipelineCheckpoint,
    pipeline: CompiledPipeline,
    host: RunHost,
    place: Place,
    owner: WaitOwner,
  ) {
    this.status = checkpoint.status
    this.startedAt = checkpoint.startedAt
    this.live = new LiveState(checkpoint.state, pipeline, host, place.path)
    this.position = new PipelinePosition(checkpoint, pipeline)
    this.wait = new PipelineWait(owner, pipeline, host, this.live)
    this.ending = new PipelineEnding(checkpoint, pipeline, host, place, this.live)
    this.history = new PipelineHistory(pipeline, host, place.path)
    this.#pipeline = pipeline
    this.#host = host
  }

  get hasEnded(): boolean {
    return this.status !== 'running' && this.status !== 'paused'
  }

  /** Whether it was told to end, or has ended. */
  get isEnding(): boolean {
    return this.hasEnded || this.interruption !== undefined || this.ending.current !== undefined
  }

  /** Whether the checkpoint is a place to go on from: it is none between being told to end and the boundary at which that begins. */
  get canGoOn(): boolean {
    return !this.hasEnded && (this.interruption === undefined || this.ending.current !== undefined)
  }

  /** The boundary after a stage. Returns the events that leave there. */
  leave(end: StageDone | StageFailed): readonly BusEvent[] {
    if (end.ledger.length > 0) this.ending.ledger.push(...end.ledger)
    if (end.type === 'failed') {
      this.live.land()
      if (end.parks) this.#park(end)
      else {
        this.position.visited(end.of)
        this.reach(this.interruption ?? end.error)
      }
      return NO_EVENTS
    }
    const { state, move, events, failure } = end
    this.live.value = state
    this.position.visited(end.of)
    this.position.moveTo(move)
    if (move.wait && !failure && !this.interruption) this.#pause(move.wait)
    this.reach(failure ?? this.interruption)
    return events
  }

  /** Whatever comes next: a bad end, success where no stage is left, or what was decided before. */
  reach(failure: SystemError | undefined): void {
    if (failure) this.#beginEnding(failure)
    else if (!this.position.next && this.status === 'running') this.#end('succeeded')
  }

  /** The boundary after a compensation; the last one ends the pipeline. */
  undone(): void {
    this.position.interruptions = 0
    if (this.ending.isDone) this.#end(this.ending.current!.status)
  }

  /**
   * Checks what the end of its wait would write, and returns what ends the wait.
   *
   * @throws {SystemError} `VALIDATION` when that does not fit; the wait goes on.
   */
  prepareResume(cause: ResumeCause, assign?: Readonly<Record<string, string>>): () => void {
    const endWait = this.wait.prepareEnd(cause, assign)
    return () => {
      this.position.resume = cause
      this.history.resumed(cause)
      endWait()
    }
  }

  /** @param inside The stage whose children are under way. */
  checkpoint(inside: ForkCheckpoint | undefined): PipelineCheckpoint {
    const { current, ledger, error } = this.ending
    return {
      pipelineId: this.#pipeline.id,
      status: this.status,
      state: this.live.value,
      startedAt: this.startedAt,
      ...this.position.checkpoint(),
      ...(this.wait.current ? { wait: this.wait.current } : {}),
      ...(inside ? { inside } : {}),
      ledger: [...ledger],
      ...(current ? { ending: current } : {}),
      ...(error ? { error: serializeError(error) } : {}),
    }
  }

  /** What is asked of it cannot be done as it stands. */
  refused(verb: string): SystemError {
    return refused(verb, this.status, this.#host.runId)
  }

  #pause(wait: Wait): void {
    this.status = 'paused'
    this.history.paused(wait)
    this.wait.begin(wait)
  }

  /** Leaves the stage as it was before this visit, to be tried again. */
  #park({ of, error }: StageFailed): void {
    this.position.interruptions++
    const since = this.#host.clock.now()
    this.#pause({ kind: 'exhausted', stageId: of.stage.id, since, error: serializeError(error) })
  }

  #beginEnding(failure: SystemError): void {
    this.position.leave()
    this.position.interruptions = 0
    const status = failure.code === 'ABORTED' && failure === this.interruption ? 'aborted' : 'failed'
    if (!this.ending.begin(status, failure)) this.#end(status)
  }

  #end(status: 'succeeded' | 'failed' | 'aborted'): void {
    this.status = status
    this.ending.current = undefined
    this.live.refuseSignals(() => this.refused('signal'))
    this.history.ended(status, this.ending.error)
  }
}

const NO_EVENTS: readonly BusEvent[] = []
