import type { Clock } from 'busline'

/** Where time and chance come from, so that a test has the same day in the tea house again and again. */
export interface WorkingDay {
  readonly clock: Clock
  /** A number from 0 to 1. */
  readonly random: () => number
}

/** Something that takes about so many milliseconds. */
export function work({ clock, random }: WorkingDay, ms: number): Promise<void> {
  return new Promise((resolve) => void clock.setTimeout(resolve, Math.round(ms * (0.6 + random() * 0.8))))
}
