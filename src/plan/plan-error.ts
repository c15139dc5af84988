import { type ErrorCode, type Issue, type SerializedError, SystemError } from '../core/system-error.js'
import type { SourcePosition } from './job-engine.js'

/** How far an error reaches: into the state, or to the end of the run. */
export type Severity = 'fail' | 'crash' | 'kill'

/**
 * An error of a plan as plain data: what stands in `state.errors`, and what travels. Fields that are not known are not
 * there at all.
 */
export interface PlanErrorData {
  readonly source: 'runtime'
  /** The class, such as `'JobError'`. */
  readonly name: string
  readonly severity: Severity
  readonly message: string
  /** The class of what was thrown, such as `'TypeError'`. */
  readonly subtype?: string
  readonly pos?: SourcePosition & { readonly src?: string }
  /** The name of the step. */
  readonly step?: string
  /** What to do about it. */
  readonly fix?: string
  /** The fields of what was thrown (`code`, `statusCode`, …), by the rules of JSON; or the value that was thrown itself. */
  readonly details?: unknown
  /** The function of an adaptor in which it happened. */
  readonly operationName?: string
  /** The frames that are job text. */
  readonly stack?: string
  /** Every fault of a plan, with its path. */
  readonly issues?: readonly Issue[]
}

export type PlanErrorFacts = Partial<Omit<PlanErrorData, 'source' | 'name' | 'message'>>

export interface RTErrorOptions extends PlanErrorFacts {
  readonly cause?: unknown
}

/** What {@link RTError} serializes to: the format of every error of Busline, and the facts of the plan. */
export type SerializedPlanError = SerializedError & PlanErrorData

/**
 * The error of a plan. Its facts are its `context`, so they survive wherever an error of Busline does: in a stored
 * run, on a timeline, on the wire.
 */
export class RTError extends SystemError {
  constructor(code: ErrorCode, name: string, message: string, { cause, ...facts }: RTErrorOptions = {}) {
    const context = compact({ source: 'runtime', name, severity: 'crash', message, ...facts })
    super(code, message, { ...(cause === undefined ? {} : { cause }), context })
  }

  override get name(): string {
    return this.data.name
  }
  get source(): 'runtime' {
    return 'runtime'
  }
  get severity(): Severity {
    return this.data.severity
  }
  get subtype(): string | undefined {
    return this.data.subtype
  }
  get pos(): PlanErrorData['pos'] {
    return this.data.pos
  }
  get step(): string | undefined {
    return this.data.step
  }
  get fix(): string | undefined {
    return this.data.fix
  }
  get details(): unknown {
    return this.data.details
  }
  /** Whether another attempt of the job may help. */
  get retryable(): boolean {
    const isRefused = (this.details as { retryable?: unknown } | undefined)?.retryable === false
    return !isRefused && (this.severity === 'fail' || this.code === 'TIMEOUT')
  }
  /** The error as plain data. */
  get data(): PlanErrorData {
    return this.context as unknown as PlanErrorData
  }

  override toJSON(): SerializedPlanError {
    const { context: _, ...error } = super.toJSON()
    return { ...error, ...this.data }
  }
}

/** The plan is not one, or its edges lead nowhere. `issues` lists every fault with its path. */
export class ValidationError extends RTError {
  constructor(message: string, options: RTErrorOptions = {}) {
    super('VALIDATION', 'ValidationError', message, options)
  }

  get issues(): readonly Issue[] {
    return this.data.issues ?? []
  }
}

/** The default export of a job is no array. */
export class InvalidExportsError extends RTError {
  constructor(message: string, options: RTErrorOptions = {}) {
    super('VALIDATION', 'ValidationError', message, { subtype: 'InvalidExportsError', ...options })
  }
}

/** An operation of a job is no function. */
export class InvalidOperationError extends RTError {
  constructor(message: string, options: RTErrorOptions = {}) {
    super('VALIDATION', 'ValidationError', message, { subtype: 'InvalidOperationError', ...options })
  }
}

/** A job did something that the language forbids, or came to something that is no state. */
export class RuntimeError extends RTError {
  constructor(message: string, options: RTErrorOptions = {}) {
    super('EXECUTION_FAILED', 'RuntimeError', message, { severity: 'fail', ...options })
  }
}

/** A job is broken, or says that nothing may come after it. */
export class RuntimeCrash extends RTError {
  constructor(message: string, options: RTErrorOptions = {}) {
    super('EXECUTION_FAILED', 'RuntimeCrash', message, options)
  }
}

/** The condition of an edge threw, or took too long. */
export class EdgeConditionError extends RTError {
  constructor(message: string, options: RTErrorOptions = {}) {
    super('EXECUTION_FAILED', 'EdgeConditionError', message, options)
  }
}

/** What was given to the run does not fit. */
export class InputError extends RTError {
  constructor(message: string, options: RTErrorOptions = {}) {
    super('VALIDATION', 'InputError', message, options)
  }
}

/** Code of an adaptor threw. */
export class AdaptorError extends RTError {
  constructor(message: string, options: RTErrorOptions = {}) {
    super('EXECUTION_FAILED', 'AdaptorError', message, { severity: 'fail', ...options })
  }
}

/** Code of a job threw. */
export class JobError extends RTError {
  constructor(message: string, options: RTErrorOptions = {}) {
    super('EXECUTION_FAILED', 'JobError', message, { severity: 'fail', ...options })
  }
}

/** A module may not be imported, or cannot be. */
export class ImportError extends RTError {
  constructor(message: string, options: RTErrorOptions = {}) {
    super('NOT_FOUND', 'ImportError', message, options)
  }
}

/** A job wanted to make code out of text. */
export class SecurityError extends RTError {
  constructor(message: string, options: RTErrorOptions = {}) {
    super('UNAUTHORIZED', 'SecurityError', message, { severity: 'kill', ...options })
  }
}

/** A job, or the whole run, took longer than it may. */
export class TimeoutError extends RTError {
  constructor(message: string, options: RTErrorOptions = {}) {
    super('TIMEOUT', 'TimeoutError', message, { severity: 'kill', ...options })
  }
}

/** What a job returned is larger than it may be. */
export class StateTooLargeError extends RTError {
  constructor(message: string, options: RTErrorOptions = {}) {
    super('CAPACITY', 'StateTooLargeError', message, { severity: 'kill', ...options })
  }
}

type RTErrorClass = new (message: string, options?: RTErrorOptions) => RTError

const CLASSES: Readonly<Record<string, RTErrorClass>> = {
  ValidationError,
  RuntimeError,
  RuntimeCrash,
  EdgeConditionError,
  InputError,
  AdaptorError,
  JobError,
  ImportError,
  SecurityError,
  TimeoutError,
  StateTooLargeError,
}

/** The error of a plan that `context` describes, as an instance of its class again; `undefined` for any other context. */
export function toPlanError(
  context: Readonly<Record<string, unknown>>,
  cause?: unknown,
): RTError | undefined {
  const { source, name, message, ...facts } = context as Partial<PlanErrorData>
  if (source !== 'runtime' || typeof name !== 'string' || typeof message !== 'string') return undefined
  const known = Object.hasOwn(CLASSES, name) ? CLASSES[name] : undefined
  return known && new known(message, { ...facts, ...(cause === undefined ? {} : { cause }) })
}

/** Without the fields that are not known. */
function compact(facts: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const known: Record<string, unknown> = {}
  for (const key of Object.keys(facts)) if (facts[key] !== undefined) known[key] = facts[key]
  return known
}
