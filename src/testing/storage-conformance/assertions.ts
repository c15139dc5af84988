import { isSystemError, type ErrorCode, type SystemError } from '../../core/system-error.js'

/** Deep equality by value; throws with both sides. Kept here so that no test runner is needed. */
export function equal(actual: unknown, expected: unknown): void {
  if (isEqual(actual, expected)) return
  throw new Error(`Expected ${show(expected)}, got ${show(actual)}`)
}

function isEqual(one: unknown, other: unknown): boolean {
  if (Object.is(one, other)) return true
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return false
  if (Array.isArray(one) !== Array.isArray(other)) return false
  const keys = Object.keys(one)
  return (
    keys.length === Object.keys(other).length &&
    keys.every(
      (key) =>
        Object.hasOwn(other, key) &&
        isEqual((one as Record<string, unknown>)[key], (other as Record<string, unknown>)[key]),
    )
  )
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 500 ? `${text.slice(0, 500)}…` : text
}

/** The error of that code that `action` rejects with; throws when it does not. */
export async function rejects(action: () => Promise<unknown>, code: ErrorCode): Promise<SystemError> {
  let result: unknown
  try {
    result = await action()
  } catch (error) {
    if (isSystemError(error) && error.code === code) return error
    throw new Error(`Expected a SystemError with code ${code}`, { cause: error })
  }
  throw new Error(`Expected a rejection with code ${code}, got ${show(result)}`)
}
