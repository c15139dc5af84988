import type { PipelineCheckpoint } from './checkpoint.js'
import type { CompiledPipeline, CompiledStage } from './compiled-pipeline.js'
import type { ResumeCause } from './resume-cause.js'
import { type Move, type StageEntry, enter } from './routing.js'
import type { StageVisit } from './stage-cycle.js'

/** Where a pipeline stands: the stage that comes next, or is under way, how it is entered, and how often each was visited. */
export class PipelinePosition {
  /** Absent when none is left. */
  next: CompiledStage | undefined
  /** What the last wait ended with. */
  resume: ResumeCause | undefined
  /** Executions of what comes next that were cut off before they could commit. */
  interruptions: number
  readonly #visits: Map<string, number>
  #entry: StageEntry | undefined

  /** @throws {SystemError} `NOT_FOUND` when the pipeline no longer has the stage that comes next. */
  constructor(checkpoint: PipelineCheckpoint, pipeline: CompiledPipeline) {
    const { next, entry, visits, interruptions, resume } = checkpoint
    this.next = next === undefined ? undefined : enter(pipeline, { stage: next }).next
    this.resume = resume
    this.interruptions = interruptions
    this.#visits = new Map(Object.entries(visits))
    this.#entry = entry
  }

  /** The visit of the stage that comes next. */
  nextVisit(stage: CompiledStage): StageVisit {
    return this.visitOf(stage, (this.#visits.get(stage.id) ?? 0) + 1)
  }

  visitOf(stage: CompiledStage, visit: number): StageVisit {
    return { stage, visit, entry: this.#entry, resume: this.resume, interruptions: this.interruptions }
  }

  /** The visit is over, whatever comes of it. */
  visited({ stage, visit }: StageVisit): void {
    this.#visits.set(stage.id, visit)
  }

  moveTo({ next, entry }: Move): void {
    this.interruptions = 0
    this.next = next
    this.#entry = entry
  }

  /** Nothing comes next any more. */
  leave(): void {
    this.next = undefined
    this.#entry = undefined
  }

  checkpoint(): Pick<PipelineCheckpoint, 'next' | 'entry' | 'visits' | 'interruptions' | 'resume'> {
    return {
      visits: Object.fromEntries(this.#visits),
      interruptions: this.interruptions,
      ...(this.next ? { next: this.next.id } : {}),
      ...(this.#entry ? { entry: this.#entry } : {}),
      ...(this.resume ? { resume: this.resume } : {}),
    }
  }
}
