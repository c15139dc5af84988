import { SystemError } from './system-error.js'

/**
 * A length of time: a number of milliseconds, `Infinity` included, or a string such as
 * `'250ms'`, `'30s'`, `'15m'`, `'2h'`, `'7d'`, `'2w'` (decimals allowed: `'1.5h'`).
 */
export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd' | 'w'}`

const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const
const PATTERN = /^(\d+(?:\.\d+)?)(ms|s|m|h|d|w)$/

/** Says whether `value` is a well-formed, non-negative {@link Duration}. */
export function isDuration(value: unknown): value is Duration {
  return typeof value === 'number' ? value >= 0 : typeof value === 'string' && PATTERN.test(value)
}

/**
 * Milliseconds of a duration.
 *
 * @throws {SystemError} `VALIDATION` when the value is neither a non-negative number nor of the form above.
 */
export function toMs(duration: Duration): number {
  if (typeof duration === 'number' && duration >= 0) return duration
  const match = typeof duration === 'string' ? PATTERN.exec(duration) : null
  if (match) return Number(match[1]) * UNIT_MS[match[2] as keyof typeof UNIT_MS]
  throw new SystemError(
    'VALIDATION',
    `Cannot read duration ${JSON.stringify(duration)}: give milliseconds or a string such as '250ms', '30s', '15m', '2h', '7d'`,
  )
}
