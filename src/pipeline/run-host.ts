import type { Patch } from 'immer'
import type { Dependencies } from '../container/dependencies.js'
import type { BusEvent, EventMeta } from '../core/bus-event.js'
import type { Clock } from '../core/clock.js'
import type { Logger } from '../core/logger.js'
import type { StepExecutor } from '../core/step-executor.js'
import type { StateObject } from '../state/change.js'
import type { Wait } from './checkpoint.js'
import type { ResumeCause } from './resume-cause.js'
import type { WatchDescriptor } from './watch-descriptor.js'

export type { Dependencies }

/** A watch that a stage declares: it begins with its pipeline and lasts as long. */
export interface StageWatch {
  readonly stageId: string
  readonly descriptor: WatchDescriptor
}

/** A pipeline of a run, the run itself or a child at any depth, as far as waiting is concerned. */
export interface WaitingPipeline {
  /** Where it stands in the run: `''` for the run itself, `fan/1` for the second child of the stage `fan`. */
  readonly path: string
  readonly state: StateObject
  readonly hasEnded: boolean
  readonly wait: Wait | undefined
  readonly stageWatches: readonly StageWatch[]
  /** Asks the `where` of a stage, with the state as it is now. Throws what it throws. */
  accepts(stageId: string, event: BusEvent): boolean
}

/**
 * Everything the engine knows of the outside. A test drives one run by hand with an object of a few lines.
 */
export interface RunHost {
  readonly runId: string
  readonly workflowId: string
  readonly event: BusEvent
  readonly clock: Clock
  /** A number from 0 to 1, for the jitter of retries. */
  readonly random: () => number
  readonly logger: Logger
  /** What the mode, and an executor that is fair, tells runs apart by. */
  readonly key?: string | undefined
  /** Where tasks run, by name; without a name the default. `undefined` when there is none. */
  executor?(name: string | undefined): StepExecutor | undefined
  /** Asks for services on behalf of the pipeline at `path`. */
  use<Result>(callback: (deps: Dependencies) => Result, path: string): Result
  /** Makes, and checks, the envelope of an event a step publishes. It leaves with the commit that carries it. */
  createEvent(type: string, payload: unknown, meta?: EventMeta): BusEvent
  /**
   * Called at every boundary: after a stage of the run or of one of its children, at a pause, at the end. The engine
   * has moved on already, so a checkpoint taken now is the one to keep. The run waits for the promise, if there is one;
   * when it rejects the run is dead here and `advance()` rejects with the same error.
   */
  commit(events: readonly BusEvent[]): void | Promise<void>
  /** Called before a pipeline goes on whose wait has ended. It waits for the promise, and rejects with what that does. */
  keep?(): Promise<void> | undefined
  /** A pipeline that has stage watches begins, or was restored. */
  opened?(pipeline: WaitingPipeline): void
  /** A pipeline has ended; nothing waits there any more. */
  closed?(pipeline: WaitingPipeline): void
  /** A pipeline begins to wait: called before the commit that says so, so that no event falls in between. */
  waiting?(pipeline: WaitingPipeline): void
  /** That wait is over: for a cause, or because the pipeline must end. */
  waited?(pipeline: WaitingPipeline, cause?: ResumeCause): void
  /** A timer has made a paused run go on: whoever drives it calls `advance()` again. */
  wake?(): void
  /** Takes what is put on the timeline; absent when nothing is recorded. */
  readonly record?: RecordFunction | undefined
}

export type RecordFunction = (
  source: 'pipeline' | 'store' | 'container' | 'logger',
  type: string,
  payload: Readonly<Record<string, unknown>>,
  /** The state after the event, with the patches that led to it; of the run itself, not of its children. */
  state?: { readonly delta?: readonly Patch[]; readonly state: StateObject },
) => void
