import type { BusEvent } from '../core/bus-event.js'
import { type SystemError, reviveError, serializeError } from '../core/system-error.js'
import type { Ending, LedgerEntry, PipelineCheckpoint } from './checkpoint.js'
import { type Place, type Undo, newestUndo } from './compensation.js'
import type { CompiledPipeline } from './compiled-pipeline.js'
import type { LiveState } from './live-state.js'
import { toSystemError, withCompensationError } from './pipeline-errors.js'
import type { PipelinePosition } from './pipeline-position.js'
import type { RunHost } from './run-host.js'
import type { Interruptible } from './stage-timer.js'
import { StepExecution, type StepOutcome } from './step-execution.js'

/** How a pipeline ends badly: why, what of it can be undone, and the undoing, newest first. */
export class PipelineEnding {
  /** Committed steps that can be undone, newest last. */
  readonly ledger: LedgerEntry[]
  /** Present from the decision to end until everything is undone. */
  current: Ending | undefined
  error: SystemError | undefined
  readonly #pipeline: CompiledPipeline
  readonly #host: RunHost
  readonly #place: Place
  readonly #live: LiveState

  constructor(
    { ledger, ending, error }: PipelineCheckpoint,
    pipeline: CompiledPipeline,
    host: RunHost,
    place: Place,
    live: LiveState,
  ) {
    this.ledger = [...ledger]
    this.current = ending
    this.error = error && toSystemError(reviveError(error))
    this.#pipeline = pipeline
    this.#host = host
    this.#place = place
    this.#live = live
  }

  /** Returns whether there is anything to undo before the end. */
  begin(status: Ending['status'], error: SystemError): boolean {
    this.error = error
    this.current = { status, error: serializeError(error), compensationErrors: [] }
    return this.#pipeline.compensates && this.#newest() !== undefined
  }

  /** Whether everything is undone. */
  get isDone(): boolean {
    return this.#newest() === undefined
  }

  /**
   * Undoes the newest step. One whose compensation fails is reported, and the others go on. Nothing has changed until
   * the function it resolves to is called, which returns the events that leave with it.
   *
   * @param underWay Told what an interruption must reach meanwhile.
   */
  async undoNext(
    { resume, interruptions }: Pick<PipelinePosition, 'resume' | 'interruptions'>,
    underWay: (execution: Interruptible) => void,
  ): Promise<() => readonly BusEvent[]> {
    const undo = this.#newest()
    if (!undo) return () => []
    const frame = {
      ...undo,
      host: this.#host,
      visitKey: `${this.#host.runId}/${undo.visitKey}`,
      snapshot: undo.state,
      resume,
      interruptions,
    }
    const outcome = await new Promise<StepOutcome>((resolve) => {
      const execution = new StepExecution(undo.compensation, frame, () => resolve(execution.outcome!))
      underWay(execution)
      execution.start()
    })
    return () => this.#takeOver(undo, outcome)
  }

  /** What is not undone yet stays as it is. */
  giveUp(reason: SystemError): void {
    this.ledger.splice(0)
    this.#failed(reason)
  }

  #failed(reason: SystemError): void {
    const ending = this.current!
    const compensationErrors = [...ending.compensationErrors, serializeError(reason)]
    this.current = { ...ending, compensationErrors }
    this.error = withCompensationError(this.error!, reason)
  }

  #newest(): Undo | undefined {
    return newestUndo(this.ledger, this.#pipeline, this.#place, this.#live.value)
  }

  #takeOver(undo: Undo, outcome: StepOutcome): readonly BusEvent[] {
    let { state } = undo
    if (!outcome.ok) this.#failed(outcome.error)
    else if (outcome.change) {
      state = outcome.change.next
      if (undo.isOwn) {
        this.#live.record('state:commit', { stageId: undo.stageId, compensates: true }, outcome.change)
        this.#live.value = state
      }
    }
    this.ledger.splice(0, Infinity, ...undo.done(state))
    return outcome.ok ? outcome.events : []
  }
}
