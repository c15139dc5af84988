import type { Issue } from '../../core/system-error.js'
import {
  type Rules,
  callback,
  duration,
  optional,
  validateOptions,
  wholeFrom,
} from '../modes/option-rules.js'
import type { DebounceOptions } from './debounce.js'
import type { DedupeOptions } from './dedupe.js'
import type { RateOptions } from './rate-window.js'

/**
 * What stands in front of the mode of a registration, each per key when the registration has a key. The order is fixed:
 * dedupe → rateLimit → debounce → throttle → mode.
 */
export interface AdmissionOptions {
  /**
   * An event that was here before is a `duplicate`.
   * @default by id, among the last 1000 events of the trigger
   */
  readonly dedupe?: DedupeOptions
  /** Events beyond the rate are `dropped`. */
  readonly rateLimit?: RateOptions
  /** Of a burst only the newest event goes on: `delayed`, then its end; earlier ones are `superseded`. */
  readonly debounce?: DebounceOptions
  /** Events beyond the rate are `delayed` until it allows them. */
  readonly throttle?: RateOptions
}

const rate: Rules = { limit: wholeFrom(1), per: duration }

const RULES: Readonly<Record<keyof AdmissionOptions, Rules>> = {
  dedupe: { key: optional(callback), ttl: duration },
  rateLimit: rate,
  debounce: { wait: duration, maxWait: optional(duration) },
  throttle: rate,
}

/**
 * Every fault of the {@link AdmissionOptions} among the options of a registration; none when they are well-formed. What
 * else stands there is not looked at.
 *
 * @param path Where they stand, for the issues; empty for the root.
 */
export function validateAdmissionOptions(options: object, path = ''): Issue[] {
  return Object.entries(RULES).flatMap(([name, rules]) => {
    const value = (options as Record<string, unknown>)[name]
    return value === undefined ? [] : validateOptions(value, rules, path === '' ? name : `${path}.${name}`)
  })
}
