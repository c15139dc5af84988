import { isSystemError, SystemError } from '../core/system-error.js'
import type { ScanOptions, StorageOperation } from './storage-driver.js'

export type Expectation = Extract<StorageOperation, { type: 'expect' }>
export type Write<Value> =
  | { readonly type: 'put'; readonly key: string; readonly value: Value }
  | { readonly type: 'delete'; readonly key: string }
  | { readonly type: 'deletePrefix'; readonly prefix: string }

/** A commit that was found well-formed, its values taken over in the driver's own form. */
export interface CheckedCommit<Value> {
  readonly expectations: readonly Expectation[]
  readonly writes: readonly Write<Value>[]
}

export const DEFAULT_SCAN_LIMIT = 1000

/**
 * What every driver does first with a commit: refuses malformed operations, and calls `encode` to copy each value, so
 * that what the caller does to it later changes nothing.
 *
 * @throws {SystemError} `VALIDATION` or `CAPACITY` naming key and path.
 */
export function checkOperations<Value>(
  operations: readonly StorageOperation[],
  encode: (value: unknown) => Value,
): CheckedCommit<Value> {
  const expectations: Expectation[] = []
  const writes: Write<Value>[] = []
  // Entries of several indexes are often one value: it is encoded once.
  let last: { readonly value: unknown; readonly encoded: Value } | undefined
  for (const operation of operations) {
    switch (operation.type) {
      case 'put':
        checkKey(operation.key)
        if (!last || last.value !== operation.value) {
          last = { value: operation.value, encoded: encodeValue(operation, encode) }
        }
        writes.push({ type: 'put', key: operation.key, value: last.encoded })
        break
      case 'delete':
        checkKey(operation.key)
        writes.push({ type: 'delete', key: operation.key })
        break
      case 'deletePrefix':
        checkText(operation.prefix, 'prefix')
        writes.push({ type: 'deletePrefix', prefix: operation.prefix })
        break
      case 'expect':
        checkKey(operation.key)
        expectations.push({ ...operation })
        break
      default:
        throw new SystemError(
          'VALIDATION',
          `Unknown storage operation: use 'put', 'delete', 'deletePrefix' or 'expect'`,
        )
    }
  }
  return { expectations, writes }
}

export function checkKey(key: unknown): asserts key is string {
  if (key === '') throw new SystemError('VALIDATION', 'A storage key must not be empty', { context: { key } })
  checkText(key, 'key')
}

/** The limit of a scan. @throws {SystemError} `VALIDATION` when an option is malformed. */
export function checkScan({ prefix, after, limit = DEFAULT_SCAN_LIMIT }: ScanOptions): number {
  checkText(prefix, 'prefix')
  if (after !== undefined) checkText(after, 'cursor')
  if (!Number.isSafeInteger(limit) || limit < 1) {
    throw new SystemError('VALIDATION', `The limit of a scan must be a positive integer: it is ${limit}`)
  }
  return limit
}

/** Says why `current`, the value before the commit, refuses the commit; `undefined` when it does not. */
export function checkExpectation(
  { key, field, equals }: Expectation,
  current: unknown,
): SystemError | undefined {
  const isMet =
    equals === undefined
      ? current === undefined
      : typeof current === 'object' &&
        current !== null &&
        Object.hasOwn(current, field) &&
        (current as Record<string, unknown>)[field] === equals
  if (isMet) return undefined
  const wanted = equals === undefined ? 'be absent' : `have ${JSON.stringify(equals)} at "${field}"`
  return new SystemError('CONFLICT', `The record "${key}" was expected to ${wanted}: read it again`, {
    context: { key, field },
  })
}

export function closedError(name: string): SystemError {
  return new SystemError('UNAVAILABLE', `Cannot use the ${name} storage: it was closed`)
}

function checkText(text: unknown, what: string): asserts text is string {
  if (typeof text === 'string' && !text.includes('\0')) return
  throw new SystemError('VALIDATION', `A storage ${what} must be a string without U+0000`, {
    context: { [what]: text },
  })
}

function encodeValue<Value>(
  { key, value }: { readonly key: string; readonly value: unknown },
  encode: (value: unknown) => Value,
): Value {
  try {
    if (value !== undefined) return encode(value)
  } catch (error) {
    if (!isSystemError(error)) throw error
    const reason = error.message.charAt(0).toLowerCase() + error.message.slice(1)
    throw new SystemError(error.code, `Cannot store "${key}": ${reason}`, {
      ...('cause' in error ? { cause: error.cause } : {}),
      context: { ...error.context, key },
    })
  }
  throw new SystemError(
    'VALIDATION',
    `Cannot store "${key}": the value is undefined, delete the record instead`,
    {
      context: { key, path: '' },
    },
  )
}
