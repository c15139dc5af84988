import { jsonIssues } from '../../bus/json-payload.js'
import { MAX_DEPTH } from '../../core/plain-data.js'
import { type ErrorContext, type Issue, SystemError } from '../../core/system-error.js'
import { findReservedKey } from './read-frame.js'

/**
 * Makes sure that JSON loses and changes nothing of a value.
 *
 * @throws {SystemError} `VALIDATION` naming the first path that is wrong.
 */
export function assertJson(value: unknown, name: string, what: string, context: ErrorContext = {}): void {
  if (isSurelyJson(value)) return
  const issues = findIssues(value, name)
  const [issue] = issues
  if (!issue) return
  throw new SystemError('VALIDATION', `${what}: "${issue.path}" ${issue.message}`, {
    context: { ...context, path: issue.path, issues },
  })
}

/** The reserved key is JSON, but no message may have it. */
function findIssues(value: unknown, name: string): readonly Issue[] {
  const issues = jsonIssues(value, name)
  if (issues.length > 0) return issues
  const path = findReservedKey(value, name)
  return path === undefined ? [] : [{ path, message: 'has a reserved name' }]
}

/** Says yes only where `findIssues` would find nothing, and is faster: it builds no paths. */
function isSurelyJson(value: unknown): boolean {
  try {
    return isJson(value, 0)
  } catch {
    return false
  }
}

function isJson(value: unknown, depth: number): boolean {
  if (typeof value === 'string' || typeof value === 'boolean' || value === null) return true
  if (typeof value === 'number') return Number.isFinite(value)
  return typeof value === 'object' && isJsonObject(value as Record<string, unknown>, depth)
}

/** Reads fields and asks for prototypes no more often than it must: both are slow for objects of any kind. */
function isJsonObject(value: Readonly<Record<string, unknown>>, depth: number): boolean {
  if (depth >= MAX_DEPTH || value['toJSON'] !== undefined) return false
  if (Array.isArray(value)) {
    if (Object.getPrototypeOf(value) !== Array.prototype) return false
    for (let index = 0; index < value.length; index++) if (!isJson(value[index], depth + 1)) return false
    return true
  }
  if (Object.getPrototypeOf(value) !== Object.prototype) return false
  for (const key in value) {
    if (key === '__proto__') return false
    const child = value[key]
    if (child !== undefined && !isJson(child, depth + 1)) return false
  }
  return true
}
