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
