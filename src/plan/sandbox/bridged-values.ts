import { serializeError } from '../../core/system-error.js'
import { toStateData } from '../state-data.js'
import type { BridgedError, BridgedValue } from './engine-protocol.js'
import type { BridgedAnswer } from './worker-pool.js'

type Callable = (...values: unknown[]) => unknown

/** Values that a realm gets by name, and the functions among them, which stay here. */
export interface Bridge {
  readonly values: readonly BridgedValue[]
  readonly functions: ReadonlyMap<string, Callable>
}

const IDENTIFIER = /^[\p{ID_Start}$_][\p{ID_Continue}$\u200c\u200d]*$/u

/**
 * Makes plain data and functions known to a realm. What is neither, such as a class instance with methods, arrives as
 * what JSON makes of it; what has no name that code could write is left out.
 *
 * @throws {StateFault} When a value cannot be written as JSON.
 */
export function bridge(exports: Readonly<Record<string, unknown>>): Bridge {
  const values: BridgedValue[] = []
  const functions = new Map<string, Callable>()
  for (const name of Object.keys(exports)) {
    if (!IDENTIFIER.test(name)) continue
    const value = exports[name]
    if (typeof value === 'function') {
      functions.set(name, value as Callable)
      values.push({ name })
    } else {
      const text = JSON.stringify(toStateData(value)) as string | undefined
      if (text !== undefined) values.push({ name, text })
    }
  }
  return { values, functions }
}

/** Calls a bridged function with data from a realm. Never rejects: what it throws is an answer too. */
export async function answerCall(call: Callable | undefined, valuesText: string): Promise<BridgedAnswer> {
  try {
    if (!call) throw new TypeError('There is no such function')
    const result = await call(...(JSON.parse(valuesText) as unknown[]))
    if (typeof result === 'function') {
      throw new TypeError('A function of a module gave a function: only data can pass into the engine')
    }
    const text = JSON.stringify(toStateData(result)) as string | undefined
    return { isOk: true, ...(text === undefined ? {} : { text }) }
  } catch (error) {
    return { isOk: false, text: JSON.stringify(toBridgedError(error)) }
  }
}

export function toBridgedError(error: unknown): BridgedError {
  const { name, message, code } = serializeError(error)
  const details = detailsOf(error)
  return { name, message, ...(code === undefined ? {} : { code }), ...(details ? { details } : {}) }
}

function detailsOf(error: unknown): Readonly<Record<string, unknown>> | undefined {
  if (typeof error !== 'object' || error === null) return undefined
  try {
    const { stack: _stack, message: _message, name: _name, ...rest } = { ...error } as Record<string, unknown>
    return toStateData(rest) as Readonly<Record<string, unknown>>
  } catch {
    return undefined
  }
}
