import { type Duration, toMs } from '../core/duration.js'
import { isSystemError } from '../core/system-error.js'

export interface RetryPolicy {
  /** Retries after the first attempt; `4` makes five attempts. */
  readonly limit: number
  /** Whether the delay stays or grows by `factor` from retry to retry. @default 'exponential' */
  readonly backoff?: 'fixed' | 'exponential'
  /** Delay before the first retry. @default 0 */
  readonly delay?: Duration
  /** @default 2 */
  readonly factor?: number
  /** No delay is longer, jitter included. @default Infinity */
  readonly maxDelay?: Duration
  /**
   * Share of each delay that is left to chance, from 0 to 1: a delay of 10 s with jitter 0.5 lies between 5 s and 10 s.
   * `true` is 1, which the literature calls full jitter. @default 0
   * @see https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
   */
  readonly jitter?: number | boolean
  /** Says whether an error is worth another attempt. Asked only for errors that do not say `retryable: false`. */
  readonly when?: (error: unknown) => boolean
  /**
   * What a step does that has finally failed: `fail` fails the run, `pause` parks it for a person at its stage;
   * `resume()` then tries the stage again. @default 'fail'
   */
  readonly onExhausted?: 'fail' | 'pause'
}

/** A policy with every default filled in and durations in milliseconds. */
export interface CompiledRetry {
  readonly limit: number
  readonly delayMs: number
  readonly factor: number
  readonly maxDelayMs: number
  readonly jitter: number
  readonly when: ((error: unknown) => boolean) | undefined
  readonly onExhausted: 'fail' | 'pause'
}

export function compileRetry(retry: number | RetryPolicy | undefined): CompiledRetry {
  const policy: RetryPolicy = typeof retry === 'object' ? retry : { limit: retry ?? 0 }
  return {
    limit: policy.limit,
    delayMs: toMs(policy.delay ?? 0),
    factor: policy.backoff === 'fixed' ? 1 : (policy.factor ?? 2),
    maxDelayMs: toMs(policy.maxDelay ?? Infinity),
    jitter: Number(policy.jitter ?? 0),
    when: policy.when,
    onExhausted: policy.onExhausted ?? 'fail',
  }
}

/** Whether an error that was thrown by attempt number `attempt` (from 1) earns another one. */
export function isRetryable(policy: CompiledRetry, error: unknown, attempt: number): boolean {
  if (attempt > policy.limit) return false
  if (isSystemError(error) && (error.code === 'VALIDATION' || error.context['retryable'] === false))
    return false
  if (typeof error === 'object' && error !== null && readRetryable(error) === false) return false
  return policy.when ? policy.when(error) : true
}

/** Milliseconds before retry number `retry` (from 1); `random` is a number from 0 to 1 that decides the jitter. */
export function retryDelayMs(policy: CompiledRetry, retry: number, random: () => number): number {
  const full = Math.min(policy.delayMs * policy.factor ** (retry - 1), policy.maxDelayMs)
  return policy.jitter === 0 || full === 0 ? full : full * (1 - policy.jitter * random())
}

function readRetryable(error: object): unknown {
  try {
    return (error as { retryable?: unknown }).retryable
  } catch {
    return undefined
  }
}
