import { toFault, toJobError } from './job-fault.js'
import type { RTError } from './plan-error.js'

/*
 * Each throws the error of a plan that a thrown value is, if it is of that kind, and otherwise does nothing. For code that
 * runs operations by itself and wants to know what a run would make of their errors.
 */

/** Throws an `ImportError` that it is given. */
export function assertImportError(error: unknown): void {
  if (nameOf(error) === 'ImportError') throw error
}

/** Throws a `RuntimeError` for what the language forbids: `TypeError`, `RangeError`. */
export function assertRuntimeError(error: unknown): void {
  throwIf(error, 'RuntimeError')
}

/** Throws a `RuntimeCrash` for broken code: `ReferenceError`, `SyntaxError`, what says `severity: 'crash'`. */
export function assertRuntimeCrash(error: unknown): void {
  throwIf(error, 'RuntimeCrash')
}

/** Throws a `SecurityError` for an attempt to make code out of text. */
export function assertSecurityKill(error: unknown): void {
  throwIf(error, 'SecurityError')
}

/** Throws an `AdaptorError` for what an installed module threw. */
export function assertAdaptorError(error: unknown): void {
  throwIf(error, 'AdaptorError')
}

function throwIf(error: unknown, name: string): void {
  const known: RTError = toJobError(toFault(error), { name: '', stateLimitMb: 0 })
  if (known.name === name) throw known
}

function nameOf(error: unknown): unknown {
  return (error as { name?: unknown } | null | undefined)?.name
}
