import type { SystemError } from '../core/system-error.js'
import type { StageFrame } from './attempt.js'
import type { CompiledStep } from './compiled-pipeline.js'
import { StepExecution, type StepOutcome } from './step-execution.js'

/**
 * The steps of one visit of a stage. They start together and each is waited for: a failing step does not cut off the
 * others, so that what they did is known and their errors are reported too.
 */
export class StepBarrier {
  readonly #steps: readonly CompiledStep[]
  readonly #frame: StageFrame
  #executions: readonly StepExecution[] = []
  #pending = 0

  constructor(steps: readonly CompiledStep[], frame: StageFrame) {
    this.#steps = steps
    this.#frame = frame
  }

  /**
   * @param onAllSettled Called when every step has settled, even while this call lasts; outcomes are in the order in
   *   which the steps are declared.
   */
  start(onAllSettled: (outcomes: readonly StepOutcome[]) => void): void {
    const onSettled = () => {
      if (--this.#pending === 0) onAllSettled(this.#executions.map(({ outcome }) => outcome!))
    }
    this.#executions = this.#steps.map((step) => new StepExecution(step, this.#frame, onSettled))
    this.#pending = this.#executions.length
    for (const execution of this.#executions) {
      // A step may abort its own run as it starts; those behind it then never begin.
      if (!execution.outcome) execution.start()
    }
  }

  interrupt(reason: SystemError): void {
    for (const execution of this.#executions) execution.interrupt(reason)
  }
}
