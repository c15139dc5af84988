import { freezePlainData, isPlainObject } from '../core/plain-data.js'
import { SystemError } from '../core/system-error.js'

/**
 * A string that is the same for params of the same value, whatever the order of their fields.
 *
 * @throws {SystemError} `VALIDATION` when they are not JSON data.
 */
export function paramsKey(params: unknown): string {
  return JSON.stringify(freezePlainData(params, 'params'), (_key, value: unknown) => {
    if (typeof value === 'number' && !Number.isFinite(value)) return String(value)
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
    if (!isPlainObject(value)) {
      throw new SystemError('VALIDATION', 'Cannot choose a service by params that are not JSON data')
    }
    return Object.fromEntries(Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1)))
  })
}
