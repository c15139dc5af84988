import type { BusEvent } from '../core/bus-event.js'
import type { SystemError } from '../core/system-error.js'
import { type StepChange, mergeChanges } from '../state/merge-changes.js'
import type { StageFrame } from './attempt.js'
import type { LedgerEntry } from './checkpoint.js'
import type { CompiledStage, CompiledStep } from './compiled-pipeline.js'
import { stageFailed, toSystemError } from './pipeline-errors.js'
import { StepBarrier } from './step-barrier.js'
import type { StepOutcome, StepSuccess } from './step-execution.js'
import type { StageOutcome } from './stage-outcome.js'

/** One visit of a stage of steps. */
export class StepStage {
  readonly #stage: CompiledStage
  readonly #frame: StageFrame
  readonly #visit: number
  readonly #keepsLedger: boolean
  readonly #steps: readonly CompiledStep[]
  readonly #barrier: StepBarrier

  /** @param only The one step that is to run, after `jumpTo`. */
  constructor(
    stage: CompiledStage,
    frame: StageFrame,
    visit: number,
    keepsLedger: boolean,
    only: string | undefined,
  ) {
    this.#stage = stage
    this.#frame = frame
    this.#visit = visit
    this.#keepsLedger = keepsLedger
    this.#steps = only === undefined ? stage.steps : stage.steps.filter(({ id }) => id === only)
    this.#barrier = new StepBarrier(this.#steps, frame)
  }

  interrupt(reason: SystemError): void {
    this.#barrier.interrupt(reason)
  }

  /** Never rejects. */
  run(): Promise<StageOutcome> {
    return new Promise((resolve) => this.#barrier.start((outcomes) => resolve(this.#outcomeOf(outcomes))))
  }

  #outcomeOf(outcomes: readonly StepOutcome[]): StageOutcome {
    const failures = outcomes.filter((outcome) => !outcome.ok)
    if (failures.length > 0) {
      const errors = failures.map(({ error }) => error)
      const parks = failures.every((failure) => failure.parks)
      return {
        ok: false,
        error: stageFailed(this.#stage.id, this.#frame.host.runId, errors),
        parks,
        ledger: [],
      }
    }
    try {
      return this.#merge(outcomes)
    } catch (error) {
      return { ok: false, error: toSystemError(error), parks: false, ledger: [] }
    }
  }

  #merge(outcomes: readonly StepOutcome[]): StageOutcome {
    const [only] = outcomes
    if (only?.ok && outcomes.length === 1) return this.#takeOver(this.#steps[0]!, only)
    const changes: StepChange[] = []
    const results: Record<string, unknown> = {}
    const events: BusEvent[] = []
    const ledger: LedgerEntry[] = []
    outcomes.forEach((outcome, index) => {
      if (!outcome.ok) return
      const { id, compensation } = this.#steps[index]!
      if (outcome.change) changes.push({ stepId: id, change: outcome.change })
      if (typeof outcome.output !== 'function') results[id] = outcome.output
      if (outcome.events.length > 0) events.push(...outcome.events)
      if (compensation && this.#keepsLedger) {
        ledger.push({ stageId: this.#stage.id, visit: this.#visit, stepId: id })
      }
    })
    const { snapshot } = this.#frame
    const change = changes.length > 0 ? mergeChanges(snapshot, changes, this.#stage.onConflict) : undefined
    return { ok: true, change, results, events, ledger }
  }
  /** One step, as most stages have: there is nothing to merge. */
  #takeOver({ id, compensation }: CompiledStep, { output, change, events }: StepSuccess): StageOutcome {
    return {
      ok: true,
      change,
      results: typeof output === 'function' ? {} : { [id]: output },
      events,
      ledger:
        compensation && this.#keepsLedger
          ? [{ stageId: this.#stage.id, visit: this.#visit, stepId: id }]
          : [],
    }
  }
}
