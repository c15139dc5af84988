import type { Logger } from './logger.js'

/**
 * A named task of a step on its way to where it runs. Plain data but for its input, so that it can cross a thread, a
 * socket or a queue.
 */
export interface StepTask {
  /** The name under which the other side knows the code. */
  readonly task: string
  /** What the step hands over: structured-cloneable, and JSON where the executor is on another machine. */
  readonly input: unknown
  readonly runId: string
  readonly workflowId: string
  readonly pipelineId: string
  readonly stageId: string
  readonly stepId: string
  /** Where the step stands in the run, as `ctx.path`. */
  readonly path: string
  /** From 1, executions that were cut off included. */
  readonly attempt: number
  /** The same for every attempt and re-execution of the step at that visit: what a receiver drops duplicates by. */
  readonly idempotencyKey: string
  /** How long this attempt may take, in milliseconds; `Infinity` without a limit. The engine enforces it anyhow. */
  readonly timeoutMs: number
  /** What the place must be able to do, in the executor's own words: a model, a category, a zone. */
  readonly requires: Readonly<Record<string, unknown>>
  /** The key of the run's workflow or event, for executors that are fair between keys. */
  readonly key?: string | undefined
}

/** How a task talks to the step that waits for it. */
export interface TaskControl {
  /** Fires on timeout, abort and when the step is no longer wanted. Its reason is a `SystemError`. */
  readonly signal: AbortSignal
  /** Writes as the step does: to the logger and the timeline. */
  readonly logger: Logger
  /** Tells how far the task is, from 0 to 1. */
  readonly progress: (fraction: number, message?: string) => void
  /**
   * Calls `listener` with the reason when `signal` fires, at once if it has fired; at most once, and perhaps after `execute`
   * has settled. The engine gives it so that no signal is made for a task that does not look at it: making one and
   * listening to it takes longer than a small task. An executor listens to `signal` where it is absent.
   */
  readonly onAbort?: ((listener: (reason: unknown) => void) => void) | undefined
}

/**
 * Where a step's named task runs: this thread, a worker thread, a machine that dialled in.
 *
 * Rules, which `executorConformance` checks:
 * - `execute` resolves to what the task returned, or rejects; it never does neither for ever when `signal` fires;
 * - what the task threw arrives as a `SystemError` that keeps code, message, context and the chain of causes, with
 *   `retryable: false` kept; anything else becomes `EXECUTION_FAILED`;
 * - an unknown task rejects with `NOT_FOUND`; no room with `CAPACITY`; nobody there, or closed, with `UNAVAILABLE`;
 *   input or result that cannot travel with `VALIDATION`, naming the path;
 * - a lost place rejects with `UNAVAILABLE`, so that the step's retry policy can try another one;
 * - when `signal` fires the task is told, and `execute` rejects with the signal's reason at once.
 */
export interface StepExecutor {
  execute(task: StepTask, control: TaskControl): Promise<unknown>
  /** Lets go of everything it opened. What is under way rejects with `UNAVAILABLE`. May be called again. */
  close(): Promise<void>
}

/** The code of a task where it runs: gets the input and returns the result. */
export type TaskFunction<Input = never, Output = unknown> = (
  input: Input,
  context: TaskContext,
) => Output | Promise<Output>

/** What a task sees of its step: its identity and its control. */
export interface TaskContext extends Omit<TaskControl, 'onAbort'>, Omit<StepTask, 'input'> {}
