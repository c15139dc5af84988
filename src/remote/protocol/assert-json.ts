import { jsonIssues } from '../../bus/json-payload.js'
import { MAX_DEPTH } from '../../core/plain-data.js'
import { type ErrorContext, SystemError } from '../../core/system-error.js'

/**
 * Makes sure that JSON loses and changes nothing of a value.
 *
 * @throws {SystemError} `VALIDATION` naming the first path that is wrong.
 */
export function assertJson(value: unknown, name: string, what: string, context: ErrorContext = {}): void {
  if (isSurelyJson(value)) return
  const issues = jsonIssues(value, name)
  const [issue] = issues
  if (!issue) return
  throw new SystemError('VALIDATION', `${what}: "${issue.path}" ${issue.message}`, {
    context: { ...context, path: issue.path, issues },
  })
}

/** Says yes only where `jsonIssues` would find nothing, and is faster: it builds no paths. */
function isSurelyJson(value: unknown): boolean {
  try {
    return isJson(value, 0)
  } catch {
    return false
  }
}

function isJson(value: unknown, depth: number): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true
    case 'number':
      return Number.isFinite(value)
    case 'object':
      return value === null || isJsonObject(value, depth)
    default:
      return false
  }
}

function isJsonObject(value: object, depth: number): boolean {
  if (depth >= MAX_DEPTH || 'toJSON' in value) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === Array.prototype) {
    for (const item of value as unknown[]) if (!isJson(item, depth + 1)) return false
    return true
  }
  if (prototype !== Object.prototype) return false
  for (const key in value) {
    const child = (value as Record<string, unknown>)[key]
    if (child !== undefined && !isJson(child, depth + 1)) return false
  }
  return true
}
