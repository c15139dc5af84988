import { toStateData } from '../state-data.js'
import type { ConditionHelpers } from '../job-engine.js'
import { toBridgedError } from './bridged-values.js'

/**
 * What a helper of a condition says, as JSON text of a `HelperAnswer`.
 *
 * Conditions are evaluated elsewhere, but see their helpers answer at once. So an expression that asks is given up, the
 * helper is asked here, and the expression is evaluated anew with the answer at hand.
 */
export type HelperAsk = (name: string, valuesText: string) => string

export function askHelper(helpers: ConditionHelpers, name: string, valuesText: string): string {
  try {
    const helper = Object.hasOwn(helpers, name) ? helpers[name] : undefined
    if (!helper) throw new TypeError(`There is no helper "${name}"`)
    const result = (helper as (...values: unknown[]) => unknown)(...(JSON.parse(valuesText) as unknown[]))
    if (typeof result === 'function')
      throw new TypeError(`The helper "${name}" gave a function instead of data`)
    const text = JSON.stringify(toStateData(result)) as string | undefined
    return JSON.stringify({ name, ...(text === undefined ? {} : { text }) })
  } catch (error) {
    const { name: errorName, message } = toBridgedError(error)
    return JSON.stringify({ name, error: { name: errorName, message } })
  }
}
