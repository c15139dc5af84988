import { isFields } from '../core/is-fields.js'
import type { TimerHandle } from '../core/clock.js'
import type { StepContext } from '../pipeline/step-context.js'
import { toMs } from '../core/duration.js'
import type { TaskControl } from '../core/step-executor.js'
import { type EdgeContext, followEdges } from './follow-edges.js'
import type { JobOutcome, OperationEvent } from './job-engine.js'
import { toJobError } from './job-fault.js'
import { assembleState } from './job-state.js'
import type { Operation, OperationContext } from './plan-definition.js'
import { type PlanEnvironment, readMemory } from './plan-environment.js'
import { InputError, type RTError, StateTooLargeError, TimeoutError } from './plan-error.js'
import {
  NOTIFY_INIT_COMPLETE,
  NOTIFY_INIT_START,
  NOTIFY_JOB_COMPLETE,
  NOTIFY_JOB_ERROR,
  NOTIFY_JOB_START,
} from './plan-events.js'
import type { GraphStep } from './plan-graph.js'
import { runOperations } from './run-operations.js'
import type { Arrival, StepEnd } from './run-state.js'
import { toStateData } from './state-data.js'

/** One execution of one step: on what it arrived, and where in the run. */
export interface JobPlace {
  readonly arrival: Arrival
  /** The number of the arrival. */
  readonly key: number
  readonly loops: Readonly<Record<string, number>>
  readonly context: StepContext & Pick<TaskControl, 'onAbort'>
}

/**
 * Runs a step on an arrival, up to the edges that are followed.
 *
 * Rejects with what ends the run (an error that is more than a failure, what a callback threw), and with the error of a
 * failed job while its step has retries left.
 */
export async function runStep(
  step: GraphStep,
  place: JobPlace,
  environment: PlanEnvironment,
): Promise<StepEnd> {
  if (step.job === undefined) {
    const { state, edges } = await follow(step, place.arrival.state, place, environment)
    return { state, next: edges }
  }
  return new JobRun(step, step.job, place, environment).run()
}

function follow(step: GraphStep, state: unknown, place: JobPlace, environment: PlanEnvironment) {
  const edgeContext = (): EdgeContext => ({
    arrival: place.key,
    loops: place.loops,
    signal: place.context.signal,
  })
  return followEdges(step, state, edgeContext, environment)
}

class JobRun {
  readonly #step: GraphStep
  readonly #job: string | readonly Operation[]
  readonly #place: JobPlace
  readonly #environment: PlanEnvironment
  readonly #of: { readonly stepId: string; readonly arrival: number }
  #startedAt = 0
  /** Why nobody waits for it any more. */
  #over: { readonly reason: unknown } | undefined

  constructor(
    step: GraphStep,
    job: string | readonly Operation[],
    place: JobPlace,
    environment: PlanEnvironment,
  ) {
    this.#step = step
    this.#job = job
    this.#place = place
    this.#environment = environment
    this.#of = { stepId: step.id, arrival: place.key }
    // Dearer than this would be a signal, which most jobs never ask for.
    place.context.onAbort?.((reason) => (this.#over = { reason }))
  }

  async run(): Promise<StepEnd> {
    const { notify, clock, logger, observe } = this.#environment
    const jobId = this.#step.id
    const { attempt } = this.#place.context
    const isFirst = attempt === 1
    const initAt = clock.now()
    if (notify && isFirst) await notify(NOTIFY_INIT_START, { jobId })
    const state = await this.#assemble()
    if (notify && isFirst) {
      await notify(NOTIFY_INIT_COMPLETE, { jobId, duration: clock.now() - initAt })
      await notify(NOTIFY_JOB_START, { jobId })
    }
    this.#assertWanted()
    this.#startedAt = clock.now()
    logger?.info?.(`Starting step ${this.#step.name}`)
    observe?.({ type: 'job:started', attempt, ...this.#of })
    const stopProfile = this.#profile()
    const outcome = await this.#execute(state).finally(stopProfile)
    this.#assertWanted()
    return outcome.ok ? this.#complete(outcome.state, stopProfile()) : this.#fail(outcome)
  }

  /** What the job starts from. Waits only for what is named by an id. */
  async #assemble(): Promise<Record<string, unknown>> {
    const { definition } = this.#step
    const { resolveState, resolveCredential } = this.#environment.callbacks
    let { configuration, state: defaults } = definition as { configuration?: unknown; state?: unknown }
    if (typeof configuration === 'string') {
      configuration = await this.#resolve(
        configuration,
        resolveCredential,
        'configuration',
        'resolveCredential',
      )
    }
    if (typeof defaults === 'string') {
      defaults = await this.#resolve(defaults, resolveState, 'state', 'resolveState')
    }
    const { credentials } = this.#environment.graph.plan.workflow
    const state = assembleState({ incoming: this.#place.arrival.state, defaults, credentials, configuration })
    if (this.#step.wait) state['resume'] = this.#place.context.resume
    return state
  }

  #resolve(
    id: string,
    resolver: ((id: string) => unknown) | undefined,
    what: string,
    callback: string,
  ): unknown {
    if (resolver) return resolver(id)
    throw new InputError(
      `Cannot load ${what} "${id}" of step "${this.#step.id}": give callbacks.${callback}`,
      { step: this.#step.name },
    )
  }

  async #execute(state: Record<string, unknown>): Promise<JobOutcome> {
    const { immutableState, clock, logger, maxStateBytes } = this.#environment
    const omit = this.#omitted()
    if (typeof this.#job !== 'string') {
      return runOperations(this.#job, state, new JobContext(this.#place.context), {
        immutableState,
        clock,
        logger,
        maxBytes: maxStateBytes,
        omit,
        isOver: () => this.#over !== undefined,
        onOperation: this.#operationListener(this.#job.length),
      })
    }
    const step = this.#step as GraphStep & { readonly job: string }
    const loading = await this.#environment.text.job(step)
    this.#assertWanted()
    if (!loading.ok) return { ok: false, fault: loading.fault }
    const outcome = await loading.loaded.run(toStateData(state), {
      signal: this.#place.context.signal,
      timeoutMs: this.#timeoutMs(),
      console: this.#environment.console,
      immutableState,
      maxStateBytes,
      onOperation: this.#operationListener(0) ?? (() => {}),
    })
    return outcome.state === undefined ? outcome : { ...outcome, state: toStateData(outcome.state, { omit }) }
  }

  /** What is of this job alone, and taken out of what it gives. */
  #omitted(): readonly string[] {
    const { omit, logger } = this.#environment
    const { joinsAll, wait } = this.#step
    if (omit.length > 0) logger?.debug?.(`Cleaning up state. Removing keys: ${omit.join(', ')}`)
    if (!joinsAll && !wait) return omit
    return [...omit, ...(joinsAll ? ['upstream'] : []), ...(wait ? ['resume'] : [])]
  }

  #operationListener(count: number): ((event: OperationEvent) => void) | undefined {
    const { observe } = this.#environment
    const { context } = this.#place
    // On a timeline each operation is a step forward; of one alone there is nothing to tell.
    if (!observe && count < 2) return undefined
    return ({ phase, ...event }) => {
      const type = { start: 'operation:started', complete: 'operation:completed', error: 'operation:failed' }
      observe?.({ type: type[phase] as 'operation:started', ...this.#of, ...event })
      if (phase === 'complete' && count > 1) context.progress((event.index + 1) / count, event.name)
    }
  }

  /** A job whose time was up, or whose run has ended, goes no further: nobody hears of it. */
  #assertWanted(): void {
    if (this.#over) throw this.#over.reason
  }

  async #complete(result: unknown, memory: { readonly peak?: number }): Promise<StepEnd> {
    const { notify, clock, logger, observe } = this.#environment
    const { state, edges } = await this.#follow(this.#withErrors(result))
    const durationMs = clock.now() - this.#startedAt
    logger?.success?.(`${this.#step.name} completed in ${durationMs}ms`)
    const next = notify || observe ? edges.map(({ to }) => to) : []
    if (notify) {
      const mem = { ...readMemory(), ...memory }
      logger?.debug?.(`Step memory usage: ${Math.round(mem.job / 1024 / 1024)}mb`)
      await notify(NOTIFY_JOB_COMPLETE, { jobId: this.#step.id, duration: durationMs, state, next, mem })
    }
    observe?.({ type: 'job:completed', ...this.#of, durationMs, next })
    return { state, next: edges }
  }

  /** Errors of jobs before it stay, whatever a job returns; one that means to clear them returns `errors: {}`. */
  #withErrors(result: unknown): unknown {
    const { errors } = (this.#place.arrival.state ?? {}) as { errors?: unknown }
    if (errors === undefined || typeof result !== 'object' || result === null) return result
    if (Array.isArray(result) || Object.hasOwn(result, 'errors')) return result
    return Object.freeze({ ...result, errors })
  }

  async #fail(outcome: JobOutcome & { readonly ok: false }): Promise<StepEnd> {
    const { stateLimitMb, clock, notify, logger, observe } = this.#environment
    const { name, id } = this.#step
    const error = toJobError(outcome.fault, { name, stateLimitMb })
    // Too long and too large end the run as they are: there is no state to tell of.
    if (error instanceof TimeoutError || error instanceof StateTooLargeError) throw error
    if (error.retryable && this.#hasRetryLeft()) {
      observe?.({ type: 'job:retried', ...this.#of, attempt: this.#place.context.attempt, error: error.data })
      throw error
    }
    const left = 'state' in outcome ? outcome.state : this.#untouched()
    const failed = error.severity === 'fail' ? withError(left, id, error) : left
    const { state, edges } = await this.#follow(failed)
    const durationMs = clock.now() - this.#startedAt
    const next = edges.map(({ to }) => to)
    logger?.error?.(`${name} aborted with error (${durationMs}ms)`)
    logger?.error?.(error.message)
    if (error.severity === 'fail') logger?.error?.(`Check state.errors.${id} for details`)
    if (notify) await notify(NOTIFY_JOB_ERROR, { jobId: id, duration: durationMs, error, state, next })
    observe?.({ type: 'job:failed', ...this.#of, durationMs, error: error.data, next })
    if (error.severity !== 'fail') throw error
    return { state, next: edges }
  }

  #follow(state: unknown) {
    return follow(this.#step, state, this.#place, this.#environment)
  }

  /** What the job started from, without what it may have done. */
  #untouched(): unknown {
    const { arrival } = this.#place
    const { definition } = this.#step
    const { credentials } = this.#environment.graph.plan.workflow
    const { state: defaults, configuration } = definition
    const state = assembleState({ incoming: arrival.state, defaults, credentials, configuration })
    return toStateData(state, { omit: this.#omitted() })
  }

  #hasRetryLeft(): boolean {
    const { limit, onExhausted } = this.#step.retry
    const parks = onExhausted === 'pause' && this.#environment.canPause
    return parks || this.#place.context.attempt <= limit
  }

  #timeoutMs(): number {
    return toMs(this.#step.timeout ?? Infinity)
  }

  /** Reads the heap while the job runs; the function it returns ends that, and gives the peak. */
  #profile(): () => { readonly peak?: number } {
    const { profileIntervalMs, clock } = this.#environment
    if (profileIntervalMs === undefined) return NO_PROFILE
    let peak = readMemory().job
    let timer: TimerHandle
    const poll = () => {
      peak = Math.max(peak, readMemory().job)
      timer = clock.setTimeout(poll, profileIntervalMs)
    }
    timer = clock.setTimeout(poll, profileIntervalMs)
    return () => {
      clock.clearTimeout(timer)
      return { peak: Math.max(peak, readMemory().job) }
    }
  }
}

const NO_PROFILE = () => ({})

/** What an operation may ask; its parts are made when they are asked for. */
class JobContext implements OperationContext {
  readonly #context: StepContext

  constructor(context: StepContext) {
    this.#context = context
  }
  get stepId(): string {
    return this.#context.stepId
  }
  get attempt(): number {
    return this.#context.attempt
  }
  get signal(): AbortSignal {
    return this.#context.signal
  }
  get idempotencyKey(): string {
    return this.#context.idempotencyKey
  }
}

/** The state with an error under the step's id. What stood there as `errors` and is no object gives way. */
function withError(state: unknown, stepId: string, error: RTError): unknown {
  const fields = isFields(state) ? state : {}
  const { errors } = fields as { errors?: unknown }
  const before = isFields(errors) ? errors : {}
  return toStateData({ ...fields, errors: { ...before, [stepId]: error.data } })
}
