import type { BusEvent } from '../core/bus-event.js'
import { isThenable } from '../core/is-thenable.js'
import { SystemError, describe, isSystemError, serializeError } from '../core/system-error.js'
import type { TimerHandle } from '../core/clock.js'
import { type Change, toChange } from '../state/change.js'
import { Attempt, type StageFrame } from './attempt.js'
import type { CompiledStep } from './compiled-pipeline.js'
import { isRetryable, retryDelayMs } from './retry-policy.js'

/** How a step ended. `parks` says that its policy asks for a person rather than for failure. */
export type StepOutcome =
  StepSuccess | { readonly ok: false; readonly error: SystemError; readonly parks: boolean }

export interface StepSuccess {
  readonly ok: true
  readonly output: unknown
  readonly change: Change | undefined
  readonly events: readonly BusEvent[]
}

/**
 * One step at one visit of its stage: attempts, retries, timeout, interruption. Knows nothing of the other steps.
 *
 * Invariants:
 * - X1 `onSettled` is called exactly once, after `outcome` was set, and never before `start` was called;
 * - X2 only the attempt under way can settle the step: whatever an earlier one does later is ignored;
 * - X3 after settling no timer is left, and the context can no longer publish.
 */
export class StepExecution {
  readonly step: CompiledStep
  outcome: StepOutcome | undefined
  readonly #frame: StageFrame
  readonly #onSettled: () => void
  #retries = 0
  #attempt: Attempt | undefined
  #timer: TimerHandle

  constructor(step: CompiledStep, frame: StageFrame, onSettled: () => void) {
    this.step = step
    this.#frame = frame
    this.#onSettled = onSettled
  }

  start(): void {
    const { step } = this
    const attempt = new Attempt(step, this.#frame, this.#frame.interruptions + this.#retries + 1)
    this.#attempt = attempt
    this.#record('step:start', attempt, step.elsewhere && (() => step.elsewhere!))
    if (step.timeoutMs !== Infinity) this.#setTimer(step.timeoutMs, () => this.#timeOut(attempt))
    let output: unknown
    try {
      output = step.action(attempt.context, this.#frame.host)
    } catch (error) {
      this.#fail(attempt, error)
      return
    }
    if (!isThenable(output)) return this.#succeed(attempt, output)
    Promise.resolve(output).then(
      (value) => this.#succeed(attempt, value),
      (error: unknown) => this.#fail(attempt, error),
    )
  }

  /** Ends the step now, whether or not its code listens to `ctx.signal`. */
  interrupt(reason: SystemError): void {
    if (this.outcome) return
    this.#settle({ ok: false, error: reason, parks: false }, reason)
  }

  #succeed(attempt: Attempt, output: unknown): void {
    if (this.outcome || attempt !== this.#attempt) return
    let change: Change | undefined
    try {
      change = toChange(this.#frame.snapshot, output)
    } catch (error) {
      return this.#fail(attempt, error)
    }
    this.#record('step:success', attempt)
    this.#settle({ ok: true, output, change, events: attempt.events })
  }

  #timeOut(attempt: Attempt): void {
    const { id, timeoutMs } = this.step
    const error = new SystemError('TIMEOUT', `Step "${id}" took longer than its timeout of ${timeoutMs} ms`, {
      context: attempt.ids,
    })
    this.#fail(attempt, error, error)
  }

  /** @param reason Told to the attempt's code when it is still running. */
  #fail(attempt: Attempt, cause: unknown, reason?: SystemError): void {
    if (this.outcome || attempt !== this.#attempt) return
    attempt.end(reason)
    this.#clearTimer()
    const { retry } = this.step
    try {
      if (isRetryable(retry, cause, this.#retries + 1)) return this.#retry(attempt, cause)
    } catch (error) {
      // The policy's own `when` threw: that is the fault to report.
      cause = error
    }
    const error = toStepError(cause, attempt)
    this.#record('step:failure', attempt, () => ({ error: serializeError(error) }))
    this.#settle({ ok: false, error, parks: retry.onExhausted === 'pause' })
  }

  #retry(attempt: Attempt, cause: unknown): void {
    const delayMs = retryDelayMs(this.step.retry, ++this.#retries, this.#frame.host.random)
    this.#attempt = undefined
    this.#record('step:retry', attempt, () => ({ delayMs, error: serializeError(cause) }))
    const again = () => {
      if (!this.outcome) this.start()
    }
    if (delayMs === 0) queueMicrotask(again)
    else this.#setTimer(delayMs, again)
  }

  #settle(outcome: StepOutcome, reason?: SystemError): void {
    this.#clearTimer()
    this.outcome = outcome
    this.#attempt?.end(reason)
    this.#onSettled()
  }

  #setTimer(ms: number, callback: () => void): void {
    this.#timer = this.#frame.host.clock.setTimeout(callback, ms)
  }

  #clearTimer(): void {
    if (this.#timer === undefined) return
    this.#frame.host.clock.clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #record(type: string, attempt: Attempt, details?: () => Readonly<Record<string, unknown>>): void {
    const { record } = this.#frame.host
    if (!record) return
    const { place } = attempt
    record('pipeline', type, details ? Object.assign({}, place, details()) : place)
  }
}

/** What a step failed with: a `SystemError` keeps its code, anything else becomes the cause of one. */
function toStepError(cause: unknown, attempt: Attempt): SystemError {
  const context = attempt.ids
  if (isSystemError(cause)) {
    return new SystemError(cause.code, cause.message, {
      cause: cause.cause ?? cause,
      context: { ...cause.context, ...context },
      ...(cause.errors ? { errors: cause.errors } : {}),
    })
  }
  return new SystemError('EXECUTION_FAILED', `Step "${attempt.step.id}" failed: ${describe(cause)}`, {
    cause,
    context,
  })
}
