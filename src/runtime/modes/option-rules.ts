import { isDuration } from '../../core/duration.js'
import type { Issue } from '../../core/system-error.js'

/** What one option must be, and how that is said. */
export interface Rule {
  readonly isMet: (value: unknown) => boolean
  readonly demand: string
}

export type Rules = Readonly<Record<string, Rule>>

export function wholeFrom(least: number): Rule {
  return {
    isMet: (value) =>
      typeof value === 'number' && value >= least && (Number.isInteger(value) || value === Infinity),
    demand: `must be a whole number from ${least}, or Infinity`,
  }
}

export function oneOf(...allowed: readonly string[]): Rule {
  return {
    isMet: (value) => allowed.includes(value as string),
    demand: `must be one of ${allowed.map((each) => `'${each}'`).join(', ')}`,
  }
}

export const duration: Rule = { isMet: isDuration, demand: "must be milliseconds or a string such as '30s'" }

export const callback: Rule = { isMet: (value) => typeof value === 'function', demand: 'must be a function' }

export function optional({ isMet, demand }: Rule): Rule {
  return { isMet: (value) => value === undefined || isMet(value), demand }
}

/** Every fault of an object of options: missing, malformed and unknown ones. */
export function validateOptions(options: unknown, rules: Rules, path: string): Issue[] {
  const names = Object.keys(rules)
  if (typeof options !== 'object' || options === null) {
    return [{ path, message: `must be an object with ${names.join(', ')}` }]
  }
  const faults = names
    .filter((name) => !rules[name]!.isMet((options as Record<string, unknown>)[name]))
    .map((name) => ({ path: `${path}.${name}`, message: rules[name]!.demand }))
  const unknown = Object.keys(options)
    .filter((name) => !Object.hasOwn(rules, name))
    .map((name) => ({
      path: `${path}.${name}`,
      message: `is not known here: allowed are ${names.join(', ')}`,
    }))
  return [...faults, ...unknown]
}
