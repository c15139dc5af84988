import { type StandardSchema, checkSchema, isStandardSchema } from '../core/standard-schema.js'
import { SystemError } from '../core/system-error.js'

/** Returns what is published for a payload: itself, or what the schema of its type makes of it. */
export type PayloadCheck = (type: string, payload: unknown) => unknown

/**
 * The check that the schemas of a bus stand for.
 *
 * @throws {SystemError} `VALIDATION` when something in `schemas` is not a Standard Schema; the check itself throws it
 * for a payload that does not fit, with all issues.
 */
export function createPayloadCheck(schemas: object = {}): PayloadCheck {
  const byType = new Map<string, StandardSchema>()
  for (const [type, schema] of Object.entries(schemas)) {
    if (!isStandardSchema(schema)) throw notASchema(type)
    byType.set(type, schema)
  }
  if (byType.size === 0) return (_type, payload) => payload
  return (type, payload) => {
    const schema = byType.get(type)
    if (!schema) return payload
    const check = checkSchema(schema, payload)
    if (check.ok) return check.value
    const { path, message } = check.issues[0] ?? { path: '', message: 'no reason given' }
    throw new SystemError(
      'VALIDATION',
      `Cannot publish "${type}": the payload does not fit its schema: ${path === '' ? '' : `"${path}": `}${message}`,
      { context: { type, issues: check.issues }, ...('cause' in check ? { cause: check.cause } : {}) },
    )
  }
}

function notASchema(type: string): SystemError {
  const message = 'must be a Standard Schema, such as one made with zod'
  return new SystemError(
    'VALIDATION',
    `Cannot create a bus: the schema of "${type}" is not a Standard Schema (v1)`,
    { context: { issues: [{ path: `schemas.${type}`, message }] } },
  )
}
