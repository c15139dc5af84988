import { crc32 } from 'node:zlib'
import { SystemError } from '../../core/system-error.js'

/** CRC-32, which no flipped bit and no run of up to 32 damaged bits escapes; signed, as SQL integers are. */
export function checksumOf(key: string, json: string): number {
  return crc32(key + json) | 0
}

/**
 * The value of a record as it was read, as text or as the bytes of it.
 *
 * @throws {SystemError} `STORAGE` when it is not what was written.
 */
export function decodeRecord(key: string, json: string | Buffer | undefined, checksum: number): unknown {
  // The sum of both is that of the second begun with that of the first; so bytes need not become text for it.
  if (json !== undefined && (crc32(json, crc32(key)) | 0) === checksum) return JSON.parse(json.toString())
  throw damagedError(key)
}

export function damagedError(key: string, cause?: unknown): SystemError {
  return new SystemError('STORAGE', `The record "${key}" is damaged: restore it from a backup or delete it`, {
    ...(cause === undefined ? {} : { cause }),
    context: { key, reason: 'damaged' },
  })
}
