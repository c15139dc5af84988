import type { StorageDriver } from '../../storage/storage-driver.js'

/** Fewer than so many are read one by one. */
const LEAST = 4

interface Read {
  readonly key: string
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
}

/**
 * A store whose single reads, where many are asked for in the same turn, are made by the page: keys that lie close together cost a
 * fraction of what they cost one by one. Where too much else lies in between they are read one by one after all.
 */
export function readTogether(driver: StorageDriver): StorageDriver {
  let reads: Read[] = []
  const readAll = async () => {
    const batch = reads
    reads = []
    const found = await scanFor(
      driver,
      batch.map(({ key }) => key),
    )
    for (const { key, resolve, reject } of batch) {
      if (found.has(key)) resolve(found.get(key))
      // It is not there, or damaged, or too far away.
      else driver.get(key).then(resolve, reject)
    }
  }
  return {
    name: driver.name,
    isDurable: driver.isDurable,
    get: (key) =>
      new Promise((resolve, reject) => {
        if (reads.length === 0) queueMicrotask(() => void readAll())
        reads.push({ key, resolve, reject })
      }),
    scan: (options) => driver.scan(options),
    commit: (operations) => driver.commit(operations),
    close: () => driver.close(),
    [Symbol.asyncDispose]: () => driver.close(),
  }
}

/** What pages hold of these keys, as long as at least every second record is one of them. */
async function scanFor(driver: StorageDriver, keys: string[]): Promise<ReadonlyMap<string, unknown>> {
  const found = new Map<string, unknown>()
  if (keys.length < LEAST) return found
  keys.sort()
  const last = keys.at(-1)!
  const prefix = commonPrefix(keys[0]!, last)
  let after = justBefore(keys[0]!, prefix)
  try {
    for (let left = 2 * keys.length; left > 0;) {
      const limit = Math.min(left, keys.length)
      const range = after === undefined ? { prefix } : { prefix, after }
      const page = await driver.scan({ ...range, limit, onDamaged: () => {} })
      for (const { key, value } of page) found.set(key, value)
      after = page.at(-1)?.key
      left -= limit
      if (after === undefined || after >= last || page.length < limit) break
    }
  } catch {
    // Whoever reads them one by one is told.
  }
  return found
}

/** A key shortly before `key`; `undefined` where that is no longer under the prefix. */
function justBefore(key: string, prefix: string): string | undefined {
  const code = key.charCodeAt(key.length - 1)
  if (key.length <= prefix.length || code <= 0x21) return undefined
  return `${key.slice(0, -1)}${String.fromCharCode(code - 1)}~`
}

function commonPrefix(one: string, other: string): string {
  let length = 0
  while (length < one.length && one[length] === other[length]) length++
  return one.slice(0, length)
}
