import type { Logger } from '../../core/logger.js'
import { SystemError } from '../../core/system-error.js'
import type { RunnerOptions } from './runner-options.js'
import type { RunnerCounters } from '../telemetry/telemetry-snapshot.js'

/** What the code of a runner sees, in its hooks and in each iteration. */
export interface RunnerContext {
  readonly runnerId: string
  readonly workerId: string
  /** `options` of the runner, with every update so far. */
  readonly options: Readonly<Record<string, unknown>>
  readonly executionProfile: NonNullable<RunnerOptions['executionProfile']>
  /** Counters to be edited: `ctx.telemetry.requestCount++`. They travel with the next batch. */
  readonly telemetry: RunnerTelemetry
  readonly logger: Logger
  /**
   * Asks the manager's side: its `handlers[name]` gets the payload, and what it returns comes back. Rejects with
   * `NOT_FOUND` when there is no handler of that name.
   *
   * @param transfer Buffers and ports that move over instead of being copied.
   */
  readonly call: <Answer = unknown>(
    name: string,
    payload?: unknown,
    transfer?: readonly Transferable[],
  ) => Promise<Answer>
}

/** What an iteration sees. */
export interface IterationContext extends RunnerContext {
  /** From 0, since the start or the last reset. */
  readonly iteration: number
  /** The virtual user that runs it, from 0. */
  readonly vu: number
  /** Fires when the iteration is to end early: the runner was terminated, or its grace period is over. Its reason is a `SystemError`. */
  readonly signal: AbortSignal
}

export interface RunnerTelemetry extends RunnerCounters {
  /** A line for whoever looks at the telemetry. The newest 200 between two batches are kept. */
  readonly say: (line: string) => void
}

type Hook = (ctx: RunnerContext) => unknown

/** The code of a runner. Only `execute` is needed; everything may be async. */
export interface RunnerInstance {
  /** One iteration. `false` counts as an error and the loop goes on; what it throws ends the runner in state `error`. */
  execute(ctx: IterationContext): unknown
  /** Before the first iteration. What it throws ends the runner in state `error`. */
  start?: Hook
  /** When it was stopped, before `completed`. */
  stop?: Hook
  pause?: Hook
  resume?: Hook
  /** After its counters were set to zero. */
  reset?: Hook
  /** When it was terminated: the only hook that runs then. It has `messageTimeout`, and what it throws is kept in the archive. */
  terminate?: Hook
  /** After its options changed. */
  update?: Hook
  /** At the end of a runner that stopped or completed. */
  completed?: Hook
}

/** Asked by the load model `shape` again and again for what is wanted; `null` ends the run. */
export type ShapeFunction = (tick: ShapeTick) => ShapeTarget | null

export interface ShapeTick {
  /** Milliseconds since the start, without paused time. */
  readonly elapsedMs: number
  readonly iterationCount: number
  readonly activeIterations: number
}

export interface ShapeTarget {
  /** How many virtual users, a whole number from 0. */
  readonly target: number
  /** How many of them may be added or taken away per second. @default Infinity */
  readonly rate?: number
}

/** A class: each runner is an instance of its own, made with the context. */
export type RunnerClass = new (ctx: RunnerContext) => RunnerInstance

/** What a plain object can say besides the hooks. */
export interface RunnerObject extends RunnerInstance {
  readonly shape?: ShapeFunction
}

/** What {@link defineRunner} returns: how a worker makes runners of one type. */
export interface RunnerDefinition {
  readonly create: (ctx: RunnerContext) => RunnerInstance
  readonly shape?: ShapeFunction | undefined
}

/**
 * Takes the code of a runner: a class, or a plain object with `execute`. Of an object each runner gets a heir of its
 * own, so `this.count = 1` in one runner is not seen by another.
 *
 * @throws {SystemError} `VALIDATION` when there is no `execute`, or a hook is not a function.
 */
export function defineRunner(
  runner: (RunnerClass & { readonly shape?: ShapeFunction }) | RunnerObject,
): RunnerDefinition {
  const code: unknown = typeof runner === 'function' ? (runner.prototype as unknown) : runner
  checkCode(code)
  if (typeof runner === 'function') return { create: (ctx) => new runner(ctx), shape: runner.shape }
  return { create: () => Object.create(runner) as RunnerInstance, shape: runner.shape }
}

const HOOKS = [
  'start',
  'stop',
  'pause',
  'resume',
  'reset',
  'terminate',
  'update',
  'completed',
  'shape',
] as const

function checkCode(code: unknown): void {
  const hooks = (code ?? {}) as Readonly<Record<string, unknown>>
  if (typeof code !== 'object' || typeof hooks['execute'] !== 'function') {
    throw refuse('execute', 'must be a function')
  }
  for (const name of HOOKS) {
    if (hooks[name] !== undefined && typeof hooks[name] !== 'function') {
      throw refuse(name, 'must be a function, or be left out')
    }
  }
}

function refuse(path: string, message: string): SystemError {
  return new SystemError('VALIDATION', `Cannot define a runner: "${path}" ${message}`, {
    context: { issues: [{ path, message }] },
  })
}
