/* eslint-disable @typescript-eslint/require-await -- async, so that what is thrown rejects, as the contract says */
import { freezePlainData } from '../core/plain-data.js'
import { checkExpectation, checkKey, checkOperations, checkScan, closedError } from './check-operations.js'
import { prefixEnd, scanRange } from './key-range.js'
import { SortedKeys } from './sorted-keys.js'
import type { StorageDriver, StorageRecord } from './storage-driver.js'

/**
 * Records in the memory of this process: gone with it. Takes what structured clone takes of plain data (also `Date`,
 * `ArrayBuffer`, typed arrays, `Blob`); what it hands out is frozen.
 */
export function memoryStorage(): StorageDriver {
  const records = new Map<string, unknown>()
  const keys = new SortedKeys()
  let isClosed = false

  const checkOpen = () => {
    if (isClosed) throw closedError('memory')
  }
  // Frozen plain data is shared as it is; only dates and buffers, which cannot be frozen, are copied again.
  const read = (key: string) => freezePlainData(records.get(key))
  const remove = (key: string) => {
    if (records.delete(key)) keys.delete(key)
  }
  const close = async () => {
    isClosed = true
    records.clear()
  }

  return {
    name: 'memory',
    isDurable: false,
    async get(key) {
      checkOpen()
      checkKey(key)
      return read(key)
    },
    async scan(options) {
      checkOpen()
      const limit = checkScan(options)
      const range = scanRange(options)
      if (!range) return []
      return keys
        .slice(range, limit, options.reverse)
        .map((key): StorageRecord => ({ key, value: read(key) }))
    },
    async commit(operations) {
      checkOpen()
      const { expectations, writes } = checkOperations(operations, (value) => freezePlainData(value))
      for (const expectation of expectations) {
        const conflict = checkExpectation(expectation, records.get(expectation.key))
        if (conflict) throw conflict
      }
      for (const write of writes) {
        if (write.type === 'put') {
          if (!records.has(write.key)) keys.add(write.key)
          records.set(write.key, write.value)
        } else if (write.type === 'delete') {
          remove(write.key)
        } else {
          const range = { lower: write.prefix, upper: prefixEnd(write.prefix) }
          for (const key of keys.slice(range, Infinity)) remove(key)
        }
      }
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}
