import { crc32 } from 'node:zlib'
import { SystemError } from '../../core/system-error.js'

/** CRC-32, which no flipped bit and no run of up to 32 damaged bits escapes; signed, as SQL integers are. */
export function checksumOf(key: string, json: string): number {
  return crc32(key + json) | 0
}

/** The value of a record as it was read. @throws {SystemError} `STORAGE` when it is not what was written. */
export function decodeRecord(key: string, json: string | undefined, checksum: number): unknown {
  if (json !== undefined && checksumOf(key, json) === checksum) return JSON.parse(json)
  throw damagedError(key)
}

export function damagedError(key: string, cause?: unknown): SystemError {
  return new SystemError('STORAGE', `The record "${key}" is damaged: restore it from a backup or delete it`, {
    ...(cause === undefined ? {} : { cause }),
    context: { key, reason: 'damaged' },
  })
}
