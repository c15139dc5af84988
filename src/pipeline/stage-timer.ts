import type { Clock, TimerHandle } from '../core/clock.js'
import type { SystemError } from '../core/system-error.js'
import type { CompiledStage } from './compiled-pipeline.js'
import { timedOut } from './pipeline-errors.js'

/** Something under way that can be cut off. */
export interface Interruptible {
  interrupt(reason: SystemError): void
}

/** The time of the stage under way, its children's pauses and its router included. */
export class StageTimer {
  /** Set when the stage has used up its time. */
  timeout: SystemError | undefined
  readonly #clock: Clock
  readonly #runId: string
  #timer: TimerHandle

  constructor(clock: Clock, runId: string) {
    this.#clock = clock
    this.#runId = runId
  }

  /** @param since When the stage began, epoch milliseconds. */
  start({ id, timeoutMs }: CompiledStage, since: number, target: Interruptible): void {
    this.clear()
    this.timeout = undefined
    if (timeoutMs === Infinity) return
    const onDue = () => {
      this.timeout = timedOut(`Stage "${id}"`, timeoutMs, { runId: this.#runId, stageId: id })
      target.interrupt(this.timeout)
    }
    this.#timer = this.#clock.setTimeout(onDue, since + timeoutMs - this.#clock.now())
  }

  clear(): void {
    if (this.#timer === undefined) return
    this.#clock.clearTimeout(this.#timer)
    this.#timer = undefined
  }
}
