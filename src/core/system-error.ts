/**
 * Every code a {@link SystemError} can carry, with the occasion on which it is given.
 * `docs/errors.md` has a section per code; a test holds the two against each other.
 */
export const ERROR_CODES = [
  /** An id that must be unique, or is reserved, is taken. */
  'DUPLICATE_KEY',
  /** A workflow, run, stage, service or watch of that id does not exist. */
  'NOT_FOUND',
  /** A definition, payload, state or argument is malformed. `context.issues` lists every fault with its path. */
  'VALIDATION',
  /** The command is not allowed in the present state, such as resuming a run that is not paused. */
  'INVALID_COMMAND',
  /** User code failed. `errors` holds one error per failing step. */
  'EXECUTION_FAILED',
  /** A step, stage, pipeline, wait or start-up took longer than it may. */
  'TIMEOUT',
  /** The run, or the wait, was ended from outside. */
  'ABORTED',
  /** Two steps of one stage wrote the same path. */
  'CONFLICT',
  /** A stage was visited more often than `maxVisits` allows. */
  'LOOP_LIMIT',
  /** A bound on size or number was reached. */
  'CAPACITY',
  /** A run was stored by another version of its workflow, or by a newer Busline. */
  'VERSION_MISMATCH',
  /** The store failed; what was committed before is intact. */
  'STORAGE',
  /** Another owner has taken the run over; this one must stop. */
  'FENCED',
  /** What is needed is not there now: a stopped runtime, an executor, a peer. */
  'UNAVAILABLE',
  /** A credential is missing or wrong. */
  'UNAUTHORIZED',
] as const

export type ErrorCode = (typeof ERROR_CODES)[number]

/** One fault in a definition or value, and where it stands. */
export interface Issue {
  readonly path: string
  readonly message: string
}

/** The facts of an error: ids of what it concerns, always plain data. */
export type ErrorContext = Readonly<Record<string, unknown>>

export interface SystemErrorOptions {
  readonly cause?: unknown
  readonly context?: ErrorContext
  readonly errors?: readonly SystemError[]
}

const BRAND = Symbol.for('busline.SystemError')

/**
 * The one error class of Busline. `code` is stable and meant for programs, `message` says what to do,
 * `context` holds the ids of what it concerns, `cause` the original fault, and `errors` the parts of a
 * fault that has several (the failing steps of a stage).
 */
export class SystemError extends Error {
  readonly code: ErrorCode
  readonly context: ErrorContext
  declare readonly errors?: readonly SystemError[]

  constructor(code: ErrorCode, message: string, options: SystemErrorOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.code = code
    this.context = options.context ?? {}
    if (options.errors) this.errors = options.errors
    Object.defineProperty(this, BRAND, { value: true })
  }

  override get name(): string {
    return 'SystemError'
  }

  /** Called by `JSON.stringify`; the inverse is {@link reviveError}. */
  toJSON(): SerializedError {
    return serializeError(this)
  }
}

/** Says whether `value` is a {@link SystemError}, also one made by another copy of the library. */
export function isSystemError(value: unknown): value is SystemError {
  return typeof value === 'object' && value !== null && read(value, BRAND) === true
}

/** An error as plain JSON data: what travels to stores, workers and sockets. */
export interface SerializedError {
  readonly name: string
  readonly message: string
  readonly stack?: string
  readonly code?: string
  readonly context?: ErrorContext
  readonly cause?: SerializedError
  readonly errors?: readonly SerializedError[]
}

/** How many links of a chain of causes are followed. One that comes back to an error above it ends there. */
const MAX_CAUSES = 64
/** How many errors are described in one go, so that parts which hold one another have an end. */
const MAX_ERRORS = 1000

/**
 * Describes anything that was thrown as plain data, and never throws itself: `null`, strings, cyclic chains of
 * causes and objects whose getters throw all have a description.
 */
export function serializeError(error: unknown): SerializedError {
  return serialize(error, new Set(), { left: MAX_ERRORS })
}

function serialize(error: unknown, above: Set<unknown>, budget: { left: number }): SerializedError {
  budget.left--
  if (typeof error !== 'object' || error === null) return { name: 'Error', message: describe(error) }
  const name = readString(error, 'name') ?? 'Error'
  const message = readString(error, 'message') ?? describe(error)
  const stack = readString(error, 'stack')
  const code = readString(error, 'code')
  const context = isSystemError(error) ? toJsonData(error.context) : undefined
  const cause = read(error, 'cause')
  const errors = readParts(error)
  above.add(error)
  const goesOn = (next: unknown) => above.size <= MAX_CAUSES && budget.left > 0 && !above.has(next)
  const described = {
    name,
    message,
    ...(stack === undefined ? {} : { stack }),
    ...(code === undefined ? {} : { code }),
    ...(context === undefined ? {} : { context }),
    ...(cause !== undefined && goesOn(cause) ? { cause: serialize(cause, above, budget) } : {}),
    ...(errors
      ? { errors: errors.flatMap((each) => (goesOn(each) ? [serialize(each, above, budget)] : [])) }
      : {}),
  }
  above.delete(error)
  return described
}

/** The inverse of {@link serializeError}: a `SystemError` where the code is one of ours, else an `Error` with the same facts. */
export function reviveError(data: SerializedError): SystemError | Error {
  const options: { cause?: unknown; context?: ErrorContext; errors?: SystemError[] } = {}
  if (data.cause) options.cause = reviveError(data.cause)
  if (data.context) options.context = data.context
  const errors = data.errors?.map(reviveError)
  const isOurs = (ERROR_CODES as readonly unknown[]).includes(data.code) && data.name === 'SystemError'
  if (errors?.every(isSystemError)) options.errors = errors
  const error = isOurs
    ? new SystemError(data.code as ErrorCode, data.message, options)
    : Object.assign(new Error(data.message, options), data.code === undefined ? {} : { code: data.code })
  if (!isOurs) define(error, 'name', data.name)
  if (!isOurs && errors) define(error, 'errors', errors)
  define(error, 'stack', data.stack ?? `${data.name}: ${data.message}`)
  return error
}

/** A one-line description of anything thrown. */
export function describe(value: unknown): string {
  try {
    if (value instanceof Error) return `${value.name}: ${value.message}`
    return typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value))
  } catch {
    return typeof value === 'bigint' ? String(value) : `[${typeof value}]`
  }
}

/** The parts of an error, the first 100 of them. */
function readParts(error: object): unknown[] | undefined {
  try {
    const errors = (error as { errors?: unknown }).errors
    return Array.isArray(errors) ? Array.from(errors.slice(0, 100)) : undefined
  } catch {
    return undefined
  }
}

function read(target: object, key: string | symbol): unknown {
  try {
    return (target as Record<string | symbol, unknown>)[key]
  } catch {
    return undefined
  }
}

function readString(target: object, key: string): string | undefined {
  const value = read(target, key)
  return typeof value === 'string' ? value : undefined
}

function toJsonData(context: ErrorContext): ErrorContext | undefined {
  try {
    const data = JSON.parse(JSON.stringify(context)) as ErrorContext
    return Object.keys(data).length > 0 ? data : undefined
  } catch {
    return undefined
  }
}

function define(error: Error, key: string, value: unknown): void {
  Object.defineProperty(error, key, { value, writable: true, configurable: true, enumerable: false })
}
