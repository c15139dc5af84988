import { SystemError } from '../core/system-error.js'
import type { StateObject } from '../state/change.js'
import type { ForkCheckpoint, LedgerEntry } from './checkpoint.js'
import type { CompiledStage } from './compiled-pipeline.js'
import { joinChildren } from './fork-children.js'
import type { ChildResult } from './pipeline-definition.js'
import { toSystemError } from './pipeline-errors.js'
import type { PipelineRun } from './pipeline-run.js'
import type { StageOutcome } from './stage-outcome.js'

/** One child of a fork: the run, and which of the stage's pipelines it runs. */
export interface ForkChild {
  readonly pipeline: number
  readonly run: PipelineRun
}

/**
 * A stage whose children are under way. Drives them side by side, at most `concurrency` at once.
 *
 * Invariants:
 * - F1 a child is driven by one loop at a time, and only while its status is `running`;
 * - F2 a paused child holds no slot; one that is woken takes its place behind those that are ready;
 * - F3 `drive()` resolves when no child can go on: all have ended, or the others are paused.
 */
export class Fork {
  readonly stage: CompiledStage
  readonly visit: number
  readonly startedAt: number
  readonly #children: readonly ForkChild[]
  readonly #ready: PipelineRun[] = []
  /** Children that a loop drives. */
  readonly #active = new Set<PipelineRun>()
  #finish: ((outcome: Promise<void> | undefined) => void) | undefined

  constructor(stage: CompiledStage, visit: number, startedAt: number, children: readonly ForkChild[]) {
    this.stage = stage
    this.visit = visit
    this.startedAt = startedAt
    this.#children = children
    for (const { run } of children) if (run.status === 'running') this.#ready.push(run)
    this.#ready.reverse()
  }

  /** Whether a child waits for `drive()`. */
  get isReady(): boolean {
    return this.#ready.length > 0
  }

  get hasEnded(): boolean {
    return this.#children.every(({ run }) => run.hasEnded)
  }

  get children(): readonly PipelineRun[] {
    return this.#children.map(({ run }) => run)
  }

  child(index: number): PipelineRun | undefined {
    return this.#children[index]?.run
  }

  /** Rejects when the commit of a child failed; the run is then dead. */
  drive(): Promise<void> {
    return new Promise((resolve) => {
      this.#finish = resolve
      this.#pump()
    })
  }

  /** A paused child may go on. Returns whether the fork is being driven, so that nobody else has to see to it. */
  wake(child: PipelineRun): boolean {
    // An event may end a pause in the very commit that begins it: the loop that commits goes on.
    if (this.#active.has(child)) return true
    this.#ready.unshift(child)
    if (!this.#finish) return false
    this.#pump()
    return true
  }

  interrupt(reason: SystemError): void {
    for (const { run } of this.#children) run.interrupt(reason)
  }

  abandon(reason: SystemError): void {
    for (const { run } of this.#children) run.abandon(reason)
  }

  /** What the ended children come to for their parent, whose state is `parent`. */
  outcome(parent: StateObject): StageOutcome {
    const ledger = this.#ledger()
    try {
      return { ok: true, ...joinChildren(this.stage, parent, this.#results()), events: [], ledger }
    } catch (error) {
      return { ok: false, error: toSystemError(error), parks: false, ledger }
    }
  }

  #results(): readonly ChildResult[] {
    return this.#children.map(({ run }, index): ChildResult => {
      const id = run.pipelineId
      return run.status === 'succeeded'
        ? { id, index, ok: true, state: run.state }
        : { id, index, ok: false, error: run.error! }
    })
  }

  /** What of the children can be undone, in the order of the children. */
  #ledger(): readonly LedgerEntry[] {
    return this.#children.flatMap(({ pipeline, run }, index) => {
      if (run.ledger.length === 0) return []
      const child = { index, pipeline, state: run.state, ledger: run.ledger }
      return [{ stageId: this.stage.id, visit: this.visit, child }]
    })
  }

  checkpoint(): ForkCheckpoint {
    return {
      stageId: this.stage.id,
      visit: this.visit,
      startedAt: this.startedAt,
      children: this.#children.map(({ pipeline, run }) => ({ pipeline, checkpoint: run.checkpoint() })),
    }
  }

  #pump(): void {
    while (this.#active.size < this.stage.concurrency) {
      const child = this.#ready.pop()
      if (!child) break
      this.#active.add(child)
      void this.#proceed(child)
    }
    if (this.#active.size === 0) this.#settle()
  }

  async #proceed(child: PipelineRun): Promise<void> {
    try {
      while (child.status === 'running') await child.advance()
    } catch (error) {
      return this.#settle(Promise.reject(error))
    }
    this.#active.delete(child)
    if (child.hasEnded && child.status !== 'succeeded' && !this.stage.collects) {
      const reason = `child ${this.#children.findIndex(({ run }) => run === child)} of the stage failed`
      const error = new SystemError('ABORTED', `Ended because ${reason}`, {
        context: { stageId: this.stage.id, path: child.path },
      })
      this.interrupt(error)
    }
    this.#pump()
  }

  #settle(failure?: Promise<never>): void {
    const finish = this.#finish
    this.#finish = undefined
    if (finish) finish(failure)
    else void failure?.catch(() => {})
  }
}
