import type { Issue } from './system-error.js'

/**
 * A schema of any library that speaks Standard Schema v1 (zod, valibot, arktype, …), as far as Busline reads it.
 * https://standardschema.dev
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
  }
}

type SchemaResult<Output> =
  { readonly value: Output; readonly issues?: undefined } | { readonly issues: readonly SchemaIssue[] }

interface SchemaIssue {
  readonly message: string
  readonly path?: ReadonlyArray<PropertyKey | { readonly key: PropertyKey }> | undefined
}

/** What a schema said about a value: the value it made of it, or everything that is wrong. */
export type SchemaCheck<Output = unknown> =
  | { readonly ok: true; readonly value: Output }
  | { readonly ok: false; readonly issues: readonly Issue[]; readonly cause?: unknown }

/** Says whether `value` is a Standard Schema of version 1. Never throws. */
export function isStandardSchema(value: unknown): value is StandardSchema {
  try {
    const standard = (value as Partial<StandardSchema> | null | undefined)?.['~standard']
    return standard?.version === 1 && typeof standard.validate === 'function'
  } catch {
    return false
  }
}

/**
 * Runs a schema, and never throws: a schema that throws, or that answers later with a promise, does not fit either,
 * because what asks (a publish, a trigger) must know now.
 */
export function checkSchema<Output>(
  schema: StandardSchema<unknown, Output>,
  value: unknown,
): SchemaCheck<Output> {
  try {
    const result = schema['~standard'].validate(value)
    if ('then' in result) {
      result.then(undefined, () => {})
      return refuse('The schema is asynchronous: use one that answers at once')
    }
    return result.issues
      ? { ok: false, issues: result.issues.map(toIssue) }
      : { ok: true, value: result.value }
  } catch (cause) {
    return { ...refuse('The schema itself threw'), cause }
  }
}

function refuse(message: string): SchemaCheck<never> & { ok: false } {
  return { ok: false, issues: [{ path: '', message }] }
}

function toIssue({ message, path = [] }: SchemaIssue): Issue {
  const keys = path.map((part) => String(typeof part === 'object' ? part.key : part))
  return { path: keys.join('.'), message }
}
