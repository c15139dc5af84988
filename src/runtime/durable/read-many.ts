import type { StorageDriver } from '../../storage/storage-driver.js'

/** Fewer than so many are read one by one. */
const LEAST = 4

/**
 * What stands at these keys, `undefined` where nothing does. They are read by the page: keys that lie close together cost a
 * fraction of what they cost one by one. Where too much else lies in between they are read one by one after all.
 *
 * @param onFault Told of each that cannot be read, by its place in `keys`; the others are given all the same.
 */
export async function readMany(
  driver: StorageDriver,
  keys: readonly string[],
  onFault: (index: number, error: unknown) => void,
): Promise<ReadonlyMap<string, unknown>> {
  const found = await scanFor(driver, keys)
  // They are not there, or damaged, or too far away.
  const read = async (key: string, index: number) => {
    try {
      found.set(key, await driver.get(key))
    } catch (error) {
      onFault(index, error)
    }
  }
  await Promise.all(keys.flatMap((key, index) => (found.has(key) ? [] : [read(key, index)])))
  return found
}

/** What pages hold of these keys, as long as at least every second record is one of them. */
async function scanFor(driver: StorageDriver, wanted: readonly string[]): Promise<Map<string, unknown>> {
  const found = new Map<string, unknown>()
  if (wanted.length < LEAST) return found
  const keys = wanted.toSorted()
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
