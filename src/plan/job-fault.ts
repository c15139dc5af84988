import { describe, isSystemError } from '../core/system-error.js'
import { extractPosition, isModuleFrame } from './error-position.js'
import type { JobFault, ThrownValue } from './job-engine.js'
import {
  AdaptorError,
  ImportError,
  JobError,
  type RTError,
  type RTErrorOptions,
  RuntimeCrash,
  RuntimeError,
  SecurityError,
  StateTooLargeError,
  TimeoutError,
} from './plan-error.js'
import { toStateData } from './state-data.js'

/** What a function threw, as the data that an engine for text gives. */
export function toFault(thrown: unknown): JobFault {
  const value = describeThrown(thrown)
  const position = extractPosition(thrown)
  return {
    kind: 'thrown',
    message: value.error?.message ?? describe(value.value ?? thrown),
    thrown: value,
    ...(position ? { position } : {}),
  }
}

function describeThrown(thrown: unknown): ThrownValue {
  if (typeof thrown !== 'object' || thrown === null) {
    const value = asData(thrown)
    return { type: thrown === null ? 'null' : typeof thrown, ...(value === undefined ? {} : { value }) }
  }
  const message = readText(thrown, 'message')
  const type = readText(read(thrown, 'constructor'), 'name') ?? 'Object'
  const details = asData({ ...ownFields(thrown) })
  const severity = readText(thrown, 'severity')
  const fields = details as Readonly<Record<string, unknown>> | undefined
  return {
    type,
    ...(message === undefined ? { value: fields } : { error: { name: type, message } }),
    ...(fields && Object.keys(fields).length > 0 ? { details: fields } : {}),
    ...(severity === undefined ? {} : { severity }),
    ...(isModuleFrame(thrown) ? { fromModule: true } : {}),
  }
}

/** Named apart or of no use to whoever reads the error. */
const NOT_DETAILS = ['message', 'name', 'stack', 'severity', 'cause']

function ownFields(thrown: object): Record<string, unknown> {
  const fields: Record<string, unknown> = {}
  if (isSystemError(thrown)) return { code: thrown.code, context: thrown.context }
  for (const key of Object.keys(thrown).slice(0, MAX_DETAILS)) {
    if (!NOT_DETAILS.includes(key) && key !== '__proto__') fields[key] = asData(read(thrown, key))
  }
  return fields
}

const MAX_DETAILS = 50
const MAX_DETAIL_BYTES = 100_000

function asData(value: unknown): unknown {
  try {
    return toStateData(value, { maxBytes: MAX_DETAIL_BYTES })
  } catch {
    return undefined
  }
}

function read(target: unknown, key: string): unknown {
  try {
    return (target as Record<string, unknown> | undefined)?.[key]
  } catch {
    return undefined
  }
}

function readText(target: unknown, key: string): string | undefined {
  const value = read(target, key)
  return typeof value === 'string' ? value : undefined
}

/** The step it happened in, as far as its error tells. */
export interface FaultPlace {
  readonly name: string
  readonly stateLimitMb: number
}

/** Which error a fault becomes, and with it how far it reaches: one table for functions and text. */
export function toJobError(fault: JobFault, { name, stateLimitMb }: FaultPlace): RTError {
  const { kind, message, position, sourceLine, stack, operationName } = fault
  const facts: RTErrorOptions = {
    step: name,
    ...(position ? { pos: { ...position, ...(sourceLine === undefined ? {} : { src: sourceLine }) } } : {}),
    ...(stack === undefined ? {} : { stack }),
    ...(operationName === undefined ? {} : { operationName }),
  }
  switch (kind) {
    case 'thrown':
      return toThrownError(message, fault.thrown ?? { type: 'Error' }, facts)
    case 'syntax':
      return new RuntimeCrash(`SyntaxError: ${message}`, { ...facts, subtype: 'SyntaxError' })
    case 'import':
      return new ImportError(message, facts)
    case 'exports':
      return new RuntimeCrash(message, { ...facts, subtype: 'InvalidExportsError' })
    case 'operation':
      return new RuntimeCrash(message, { ...facts, subtype: 'InvalidOperationError' })
    case 'security':
      return new SecurityError(message, facts)
    case 'timeout':
      return new TimeoutError(message, facts)
    case 'memory':
      return new RuntimeCrash(message, { ...facts, subtype: 'OutOfMemory', severity: 'kill' })
    case 'too-large':
      return new StateTooLargeError(`State exceeds the limit of ${stateLimitMb}mb`, facts)
    case 'result':
      return new RuntimeError(message, { ...facts, subtype: 'InvalidState' })
    case 'aborted':
      return new RuntimeCrash(message, { ...facts, subtype: 'Aborted', severity: 'kill' })
  }
}

/** Broken code, which no other attempt will mend. */
const CRASHES = ['ReferenceError', 'SyntaxError']
const RUNTIME_ERRORS = ['TypeError', 'RangeError']

function toThrownError(message: string, thrown: ThrownValue, facts: RTErrorOptions): RTError {
  const { type, severity, details, value } = thrown
  if (type === 'EvalError') return new SecurityError('Illegal eval statement detected', facts)
  if (CRASHES.includes(type)) return new RuntimeCrash(`${type}: ${message}`, { ...facts, subtype: type })
  if (severity === 'crash' || severity === 'kill') {
    return new RuntimeCrash(`${type}: ${message}`, { ...facts, subtype: type, severity })
  }
  const told = { ...facts, details: details ?? (thrown.error ? undefined : value) }
  if (RUNTIME_ERRORS.includes(type)) {
    return new RuntimeError(`${type}: ${message}`, { ...told, subtype: type })
  }
  if (thrown.fromModule) return new AdaptorError(message, told)
  const isNamed = thrown.error !== undefined && type !== 'Error' && type !== 'Object'
  return new JobError(message, { ...told, pos: undefined, ...(isNamed ? { subtype: type } : {}) })
}
