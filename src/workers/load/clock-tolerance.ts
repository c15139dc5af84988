/**
 * What is due within this time is due now, in milliseconds. Instants since 1970 have a resolution of a quarter of a
 * microsecond, so a timer may find that it came a hair too early, and would be set again for no time at all.
 */
export const CLOCK_TOLERANCE_MS = 0.001
