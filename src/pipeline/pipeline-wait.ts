import type { TimerHandle } from '../core/clock.js'
import type { Wait } from './checkpoint.js'
import type { CompiledPipeline } from './compiled-pipeline.js'
import type { LiveState } from './live-state.js'
import type { ResumeCause } from './resume-cause.js'
import type { RunHost, WaitingPipeline } from './run-host.js'
import { resumeChanges, waitDeadline } from './wait.js'

/** The pipeline that waits. */
export interface WaitOwner extends WaitingPipeline {
  /** The time of its wait is up. */
  waitIsDue(): void
}

/** The wait of one pipeline, while it has one: its timer, and what its end writes. */
export class PipelineWait {
  /** What it waits for now. */
  current: Wait | undefined
  readonly #owner: WaitOwner
  readonly #pipeline: CompiledPipeline
  readonly #host: RunHost
  readonly #live: LiveState
  #timer: TimerHandle

  constructor(owner: WaitOwner, pipeline: CompiledPipeline, host: RunHost, live: LiveState) {
    this.#owner = owner
    this.#pipeline = pipeline
    this.#host = host
    this.#live = live
  }

  begin(wait: Wait): void {
    this.current = wait
    const { clock } = this.#host
    const dueAt = waitDeadline(wait)
    if (dueAt !== Infinity) this.#timer = clock.setTimeout(() => this.#owner.waitIsDue(), dueAt - clock.now())
    this.#host.waiting?.(this.#owner)
  }

  /** Ends it without writing anything, because the pipeline must end. */
  end(cause?: ResumeCause): void {
    if (!this.current) return
    this.current = undefined
    this.clearTimer()
    this.#host.waited?.(this.#owner, cause)
  }

  /**
   * Checks what the cause would write, and returns what ends the wait with it.
   *
   * @throws {SystemError} `VALIDATION` when it does not fit; the wait goes on.
   */
  prepareEnd(cause: ResumeCause, assign: Readonly<Record<string, string>> | undefined): () => void {
    const changes = resumeChanges(this.#live.value, this.current!, cause, assign)
    const state = changes.at(-1)?.next
    if (state) this.#pipeline.checkState(state)
    return () => {
      this.end(cause)
      for (const change of changes) this.#live.record('state:commit', {}, change)
      if (state) this.#live.value = state
    }
  }

  clearTimer(): void {
    if (this.#timer === undefined) return
    this.#host.clock.clearTimeout(this.#timer)
    this.#timer = undefined
  }
}
