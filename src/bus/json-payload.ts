import type { Issue } from '../core/system-error.js'

/** How deep a payload may be nested; a cycle is found there too. */
const MAX_DEPTH = 200
/** A payload that is wrong everywhere is described well enough by this many issues. */
const MAX_ISSUES = 20

/**
 * Everything in `value` that JSON would lose or change, with its path below `path`. Properties that are `undefined`
 * are no loss: JSON leaves them out, and to read them gives `undefined` again.
 */
export function jsonIssues(value: unknown, path: string): readonly Issue[] {
  const issues: Issue[] = []
  try {
    collect(value, path, 0, issues)
  } catch {
    issues.push({ path, message: 'must be readable, but reading it threw' })
  }
  return issues
}

function collect(value: unknown, path: string, depth: number, issues: Issue[]): void {
  if (issues.length >= MAX_ISSUES) return
  if (value === null || typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value))
    return
  if (typeof value !== 'object' || !isPlain(value)) {
    issues.push({ path, message: `must be JSON, is ${describeKind(value)}` })
  } else if (depth >= MAX_DEPTH) {
    issues.push({ path, message: `must not be nested deeper than ${MAX_DEPTH} levels, nor refer to itself` })
  } else if (Array.isArray(value)) {
    for (let index = 0; index < value.length && issues.length < MAX_ISSUES; index++) {
      collect(value[index], `${path}.${index}`, depth + 1, issues)
    }
  } else {
    for (const [key, child] of Object.entries(value)) {
      if (child !== undefined) collect(child, `${path}.${key}`, depth + 1, issues)
    }
  }
}

function describeKind(value: unknown): string {
  if (typeof value === 'object') return 'an instance of a class'
  return typeof value === 'number' || value === undefined ? String(value) : `a ${typeof value}`
}

/** `toJSON` would put something else in its place. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (!Array.isArray(value) && prototype !== null && Object.getPrototypeOf(prototype) !== null) return false
  return typeof (value as { toJSON?: unknown }).toJSON !== 'function'
}
