import type { ScanOptions } from './storage-driver.js'

/** Keys from `lower` on, up to but without `upper` (`undefined`: to the end), by UTF-16 code units. */
export interface KeyRange {
  readonly lower: string
  readonly upper: string | undefined
}

/** The first string after all that start with `prefix`; `undefined` when there is none. */
export function prefixEnd(prefix: string): string | undefined {
  for (let end = prefix.length; end > 0; end--) {
    const unit = prefix.charCodeAt(end - 1)
    if (unit < 0xffff) return prefix.slice(0, end - 1) + String.fromCharCode(unit + 1)
  }
  return undefined
}

/** The keys a scan may return, or `undefined` when its cursor leaves none. */
export function scanRange({ prefix, after, reverse }: ScanOptions): KeyRange | undefined {
  let lower = prefix
  let upper = prefixEnd(prefix)
  if (after !== undefined && reverse) {
    if (upper === undefined || after < upper) upper = after
  } else if (after !== undefined) {
    // No key holds U+0000, so nothing can lie between the cursor and this.
    const next = `${after}\u0001`
    if (next > lower) lower = next
  }
  return upper !== undefined && lower >= upper ? undefined : { lower, upper }
}
