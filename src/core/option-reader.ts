import { type Clock, systemClock } from './clock.js'
import { type Duration, isDuration, toMs } from './duration.js'
import { invalidOptions } from './invalid-options.js'
import { isFields } from './is-fields.js'
import type { Issue } from './system-error.js'

/**
 * Reads options one by one and keeps what is wrong with them, so that all of it is told at once. `undefined` stands for the
 * default; `null`, and a number in quotes, are faults: taken as they are they would mean something else than they say.
 */
export class OptionReader {
  readonly #issues: Issue[] = []

  refuse(path: string, message: string): void {
    this.#issues.push({ path, message })
  }

  /** In milliseconds. */
  duration(path: string, value: unknown, fallback: Duration): number {
    if (value === undefined) return toMs(fallback)
    if (isDuration(value)) return toMs(value)
    this.refuse(path, `must be milliseconds from 0 or a duration such as '10s': it is ${shown(value)}`)
    return 0
  }

  /** `Infinity` is a whole number, too. */
  whole(path: string, value: unknown, fallback: number, from: number): number {
    if (value === undefined) return fallback
    if (value === Infinity || (Number.isSafeInteger(value) && (value as number) >= from))
      return value as number
    this.refuse(path, `must be a whole number from ${from}: it is ${shown(value)}`)
    return from
  }

  clock(value: unknown): Clock {
    if (value === undefined) return systemClock
    if (isFields(value) && CLOCK.every((name) => typeof value[name] === 'function')) {
      return value as unknown as Clock
    }
    this.refuse('clock', `must be an object with ${CLOCK.join(', ')}`)
    return systemClock
  }

  /** Options that belong together, or all of them. */
  group<Group extends object>(path: string, value: Group | undefined): Partial<Group> {
    if (value === undefined) return {}
    if (isFields(value)) return value
    this.refuse(path, `must be an object: it is ${shown(value)}`)
    return {}
  }

  /** To be called when all are read. @throws {SystemError} `VALIDATION` with every option that is wrong. */
  finish(what: string): void {
    if (this.#issues.length > 0) throw invalidOptions(what, this.#issues)
  }
}

/** A text stands in quotes: `"5"` is no number. */
function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value)
  if (Array.isArray(value)) return 'a list'
  return isFields(value) || typeof value === 'function' ? `of type ${typeof value}` : String(value)
}

const CLOCK = ['now', 'setTimeout', 'clearTimeout']
