import { toMs } from '../core/duration.js'
import { SystemError } from '../core/system-error.js'
import { type CompiledPipeline, compilePipeline } from '../pipeline/compiled-pipeline.js'
import type { AnyPipeline } from '../pipeline/pipeline-definition.js'
import { PipelineRun } from '../pipeline/pipeline-run.js'
import type { PlanInput } from './plan-definition.js'
import { type PlanEnvironment, createEnvironment } from './plan-environment.js'
import { InputError, StateTooLargeError, TimeoutError, toPlanError } from './plan-error.js'
import { NOTIFY_STATE_LOAD } from './plan-events.js'
import type { PlanGraph } from './plan-graph.js'
import { PlanHost } from './plan-host.js'
import type { CompileOptions } from './plan-options.js'
import { toPipeline } from './plan-pipeline.js'
import { readPlan } from './read-plan.js'
import { type PlanRunState, RunMemory, initialRunState } from './run-state.js'
import { StateFault, toStateData } from './state-data.js'

/** A plan that was found valid, ready to run as often as one likes. */
export interface CompiledPlan {
  /** @default 'plan' when the plan has no id, and its workflow neither id nor name */
  readonly id: string
  /** The plan as a pipeline of the engine: what `planWorkflow` registers. */
  readonly pipeline: AnyPipeline
  /** Compiles the text of conditions, so that the first run need not. Rejects with `ValidationError`. */
  prepare(): Promise<void>
  /** As `run(plan, input)`. */
  run(input?: unknown, options?: { readonly signal?: AbortSignal }): Promise<unknown>
  /** Forgets the text that was compiled. The plan can still be run, which compiles it again. */
  dispose(): Promise<void>
}

/**
 * Compiles a plan.
 *
 * @throws {ValidationError} listing every fault with its path.
 */
export function compilePlan(plan: PlanInput, options: CompileOptions = {}): CompiledPlan {
  return compileGraph(readPlan(plan, options), options)
}

/** Compiles a plan that was read. */
export function compileGraph(graph: PlanGraph, options: CompileOptions): CompiledPlan {
  return new RunnablePlan(graph, options)
}

class RunnablePlan implements CompiledPlan {
  readonly id: string
  readonly pipeline: AnyPipeline
  readonly #graph: PlanGraph
  readonly #environment: PlanEnvironment
  readonly #compiled: CompiledPipeline

  constructor(graph: PlanGraph, options: CompileOptions) {
    this.id = graph.id
    this.#graph = graph
    this.#environment = createEnvironment(graph, options, false)
    this.pipeline = toPipeline(this.#environment)
    this.#compiled = compilePipeline(this.pipeline)
  }

  async prepare(): Promise<void> {
    if (this.#graph.hasText) await this.#environment.text.prepare()
  }

  dispose(): Promise<void> {
    return this.#environment.text.dispose()
  }

  async run(input?: unknown, { signal }: { readonly signal?: AbortSignal } = {}): Promise<unknown> {
    const { observe, clock } = this.#environment
    this.#assertWakeful()
    if (signal?.aborted) throw aborted(signal)
    if (this.#graph.hasText) await whileWanted(this.#environment.text.prepare(), signal)
    const startedAt = observe ? clock.now() : 0
    observe?.({ type: 'workflow:started', planId: this.id })
    try {
      const result = await this.#drive(await whileWanted(this.#load(input), signal), signal)
      observe?.({ type: 'workflow:completed', planId: this.id, durationMs: clock.now() - startedAt })
      return result
    } catch (error) {
      observe?.({ type: 'workflow:failed', planId: this.id, durationMs: clock.now() - startedAt, error })
      throw error
    }
  }

  async #drive(input: unknown, signal: AbortSignal | undefined): Promise<unknown> {
    if (signal?.aborted) throw aborted(signal)
    const initial = Object.freeze(initialRunState(this.#graph, input))
    // The children of a level cannot reach what is kept beside the engine.
    const memory = this.#environment.concurrency === 1 ? new RunMemory(initial) : undefined
    const host = new PlanHost(this.id, this.#environment.clock, memory)
    const run = PipelineRun.start(this.#compiled, host, memory?.outline() ?? initial)
    const abort = signal && (() => run.interrupt(aborted(signal)))
    if (abort) signal.addEventListener('abort', abort, { once: true })
    try {
      while (run.status === 'running') await run.advance()
    } finally {
      if (abort) signal.removeEventListener('abort', abort)
    }
    if (run.error) throw this.#toError(run.error)
    return (memory?.state ?? (run.state as PlanRunState)).result?.value
  }

  /** What a run begins with, from whatever was given. */
  async #load(input: unknown): Promise<unknown> {
    if (typeof input === 'string' && input !== '') input = await this.#resolve(input)
    const given = typeof input === 'object' && input !== null ? input : { data: {}, configuration: {} }
    try {
      return toStateData(Array.isArray(given) ? { ...given } : given)
    } catch (error) {
      if (!(error instanceof StateFault)) throw error
      throw new InputError(`The input is not data: ${error.message}`, {
        cause: error,
        details: { path: error.path },
      })
    }
  }

  async #resolve(id: string): Promise<unknown> {
    const { callbacks, notify, clock } = this.#environment
    const startedAt = clock.now()
    const state = callbacks.resolveState ? await callbacks.resolveState(id) : {}
    // Told as it happens, and not waited for.
    const told: unknown = notify?.(NOTIFY_STATE_LOAD, { jobId: id, duration: clock.now() - startedAt })
    void Promise.resolve(told).catch(() => {})
    return state
  }

  #assertWakeful(): void {
    if (!this.#graph.hasWaits) return
    const step = [...this.#graph.steps.values()].find(({ wait }) => wait)!
    throw new InputError(`Step "${step.id}" waits for an event, and run() has no bus: use planWorkflow()`, {
      step: step.name,
    })
  }

  /** The error a run ended with, as users of plans know it: not that of the stage, but what went wrong there. */
  #toError(error: SystemError): unknown {
    const { code } = error
    if (code === 'TIMEOUT' && error.context['stepId'] === undefined) {
      return new TimeoutError('Workflow took longer than its timeout to complete', { cause: error })
    }
    if (code === 'ABORTED' || code === 'LOOP_LIMIT') return error
    const reason = innermost(error)
    const known = toPlanError(reason.context, reason.cause)
    if (known) return known
    if (reason.code === 'TIMEOUT') {
      const step = this.#graph.steps.get(decodeURIComponent(String(reason.context['stepId'])))
      return new TimeoutError(`Job took longer than ${toMs(step?.timeout ?? 0)}ms to complete`, {
        step: step?.name,
        cause: reason,
      })
    }
    if (reason.code === 'CAPACITY') return new StateTooLargeError(reason.message, { cause: reason })
    // What a callback threw is what its author wants to see.
    return reason.code === 'EXECUTION_FAILED' && reason.cause !== undefined ? reason.cause : reason
  }
}

/** The error of a step, below those of its stage, its children and their stages. */
function innermost(error: SystemError): SystemError {
  let reason = error
  while (reason.errors?.[0]) reason = reason.errors[0]
  return reason
}

/** What has to be there before a run can begin; not waited for once the signal has fired. */
function whileWanted<Value>(promise: Promise<Value>, signal: AbortSignal | undefined): Promise<Value> {
  if (!signal) return promise
  return new Promise((resolve, reject) => {
    const abort = () => reject(aborted(signal))
    const settle = () => signal.removeEventListener('abort', abort)
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    promise.finally(settle).then(resolve, reject)
  })
}

function aborted(signal: AbortSignal): SystemError {
  return new SystemError('ABORTED', 'The run was aborted by its signal', { cause: signal.reason })
}
