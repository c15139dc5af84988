/** How long to wait between attempts to connect. */
export interface BackoffOptions {
  /** Before the second attempt, milliseconds; doubled with each. @default 250 */
  readonly minDelayMs?: number
  /** The longest wait, milliseconds. @default 30000 */
  readonly maxDelayMs?: number
}

/**
 * The wait before an attempt, milliseconds: half of it by chance, so that workers that were cut off together do not come
 * back together.
 *
 * @param failures How many attempts have failed since the last success, from 1.
 */
export function backoffDelay(
  failures: number,
  { minDelayMs = 250, maxDelayMs = 30_000 }: BackoffOptions,
  random: () => number,
): number {
  const full = Math.min(maxDelayMs, minDelayMs * 2 ** Math.min(failures - 1, 30))
  return full / 2 + (full / 2) * random()
}
