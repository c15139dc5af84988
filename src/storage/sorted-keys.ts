import type { KeyRange } from './key-range.js'

const BLOCK_SIZE = 512

/**
 * A sorted set of strings in blocks, so that adding one among a million moves a few hundred, and reading a range
 * starts with two binary searches. Invariant: no block is empty, and all keys of a block lie before those of the next.
 */
export class SortedKeys {
  #blocks: string[][] = []

  /** Adds a key that is not in the set. */
  add(key: string): void {
    const at = Math.max(0, this.#blockOf(key))
    const block = this.#blocks[at]
    if (!block) {
      this.#blocks.push([key])
      return
    }
    block.splice(lowerBound(block, key), 0, key)
    if (block.length > BLOCK_SIZE) this.#blocks.splice(at + 1, 0, block.splice(BLOCK_SIZE / 2))
  }

  /** Removes a key that is in the set. */
  delete(key: string): void {
    const at = this.#blockOf(key)
    const block = this.#blocks[at]
    block?.splice(lowerBound(block, key), 1)
    if (block?.length === 0) this.#blocks.splice(at, 1)
  }

  /** At most `limit` keys of the range, from its start, or from its end when reversed. */
  slice({ lower, upper }: KeyRange, limit: number, reverse = false): string[] {
    const keys: string[] = []
    const blocks = this.#blocks
    const step = reverse ? -1 : 1
    let at = reverse && upper === undefined ? blocks.length - 1 : this.#blockOf(reverse ? upper! : lower)
    if (!reverse && at < 0) at = 0
    for (let block = blocks[at]; block && keys.length < limit; block = blocks[(at += step)]) {
      const start = lowerBound(block, lower)
      const end = upper === undefined ? block.length : lowerBound(block, upper)
      const wanted = limit - keys.length
      if (reverse) keys.push(...block.slice(Math.max(start, end - wanted), end).reverse())
      else keys.push(...block.slice(start, Math.min(end, start + wanted)))
      if (reverse ? start > 0 : end < block.length) break
    }
    return keys
  }

  /** The last block whose first key is not after `key`; -1 when all are. */
  #blockOf(key: string): number {
    let low = 0
    let high = this.#blocks.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#blocks[middle]![0]! <= key) low = middle + 1
      else high = middle
    }
    return low - 1
  }
}

/** The index of the first element that is not before `key`. */
function lowerBound(sorted: readonly string[], key: string): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (sorted[middle]! < key) low = middle + 1
    else high = middle
  }
  return low
}
