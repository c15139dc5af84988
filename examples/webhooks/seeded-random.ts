/**
 * A source of numbers from 0 to 1 that gives the same numbers for the same seed (mulberry32). Whatever is left to chance
 * in the example takes from one, so a run can be repeated.
 */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** A waiting time whose mean is `meanMs` when things happen independently of each other: mostly short, now and then long. */
export function randomGapMs(random: () => number, meanMs: number): number {
  return Math.round(-Math.log(1 - random()) * meanMs)
}

/** The items in another order (Fisher–Yates). */
export function shuffle<Item>(items: readonly Item[], random: () => number): Item[] {
  const shuffled = [...items]
  for (let last = shuffled.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1))
    ;[shuffled[last], shuffled[other]] = [shuffled[other]!, shuffled[last]!]
  }
  return shuffled
}
