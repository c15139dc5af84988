import type { ModeHost, ModeRun, Ticket } from './mode.js'
import { SlotMode } from './slot-mode.js'
import { type Waiting, WaitingLine } from './waiting-line.js'

export interface TransientModeOptions {
  readonly type: 'transient'
  /** How many runs may be active at once; a paused one is not. A whole number from 1, or `Infinity`. @default 10 */
  readonly concurrency?: number
  /** How many events may wait for a slot; one more is `dropped`. A whole number from 0, or `Infinity`. @default Infinity */
  readonly capacity?: number
}

interface WaitingResume extends Waiting {
  readonly run: ModeRun
  readonly go: () => void
}

/**
 * As many runs at once as there are slots; further events wait. A run that pauses gives its slot back, and takes one
 * again to go on, ahead of events that wait: what has begun is finished before anything new begins.
 */
export class TransientMode extends SlotMode {
  readonly #capacity: number
  /** Made when the first resume waits: most modes, above all those per key, never need it. */
  #resuming: WaitingLine<WaitingResume> | undefined

  constructor(
    { concurrency = 10, capacity = Infinity }: TransientModeOptions,
    host: ModeHost,
    onIdle?: () => void,
  ) {
    super(host, concurrency, onIdle)
    this.#capacity = capacity
  }

  override resume(run: ModeRun, go: () => void): void {
    if (this.hasRoom) this.#goOn(run, go)
    else (this.#resuming ??= new WaitingLine()).add({ runId: run.runId, priority: 0, run, go })
  }

  override withdraw(runId: string): Ticket | undefined {
    this.#resuming?.remove(runId)
    return super.withdraw(runId)
  }

  protected override meetBusy(ticket: Ticket): void {
    this.queueUp(ticket, this.#capacity)
  }

  protected override end(run: ModeRun): Promise<void> {
    return run.released
  }

  protected override giveAway(ended: ModeRun): void {
    while (this.hasRoom) {
      const resume = this.#resuming?.next()
      if (!resume) break
      this.#goOn(resume.run, resume.go)
    }
    super.giveAway(ended)
  }

  #goOn(run: ModeRun, go: () => void): void {
    // The slot of the leg before may still be on its way back, so each leg has its own.
    const tenure = this.take(run.runId)
    go()
    this.keep(tenure, run)
  }
}
