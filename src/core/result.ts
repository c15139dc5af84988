import type { SystemError } from './system-error.js'

/** An expected outcome as a value: what was asked for, or why it is not to be had. */
export type Result<Value, Fault = SystemError> =
  { readonly ok: true; readonly value: Value } | { readonly ok: false; readonly error: Fault }
