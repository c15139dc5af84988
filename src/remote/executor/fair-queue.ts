/** What waits, and for whom. */
export interface Queued {
  /** Who it is for: each key has its turn. */
  readonly key: string
  /** Higher ones go first. */
  readonly priority: number
}

/** The entries of one priority. */
interface Level<Entry> {
  readonly priority: number
  /** By key; the keys stand in the order in which they have their turn. */
  readonly lines: Map<string, Set<Entry>>
}

/**
 * A queue that is fair between keys: the highest priority first, in it one entry per key in turn, and per key first in
 * first out. Every operation takes the same time, however much waits, but for the number of priorities in use.
 */
export class FairQueue<Entry extends Queued> {
  /** The highest first. */
  readonly #levels: Level<Entry>[] = []
  #size = 0

  get size(): number {
    return this.#size
  }

  add(entry: Entry): void {
    const level = this.#level(entry.priority)
    const line = level.lines.get(entry.key)
    if (line) line.add(entry)
    else level.lines.set(entry.key, new Set([entry]))
    this.#size++
  }

  /** Puts an entry before all others of its priority: it has waited before. */
  addFirst(entry: Entry): void {
    const { lines } = this.#level(entry.priority)
    const rest = [...lines]
    const line = lines.get(entry.key) ?? []
    lines.clear()
    lines.set(entry.key, new Set([entry, ...line]))
    for (const [key, others] of rest) if (key !== entry.key) lines.set(key, others)
    this.#size++
  }

  /** The entry whose turn it is. */
  peek(): Entry | undefined {
    const [level] = this.#levels
    const line = level?.lines.values().next().value
    return line?.values().next().value
  }

  /** Takes out an entry; when it had its turn, its key goes to the end. */
  remove(entry: Entry): void {
    const index = this.#levels.findIndex(({ priority }) => priority === entry.priority)
    const line = this.#levels[index]?.lines.get(entry.key)
    if (!line?.delete(entry)) return
    this.#size--
    const { lines } = this.#levels[index]!
    lines.delete(entry.key)
    if (line.size > 0) lines.set(entry.key, line)
    if (lines.size === 0) this.#levels.splice(index, 1)
  }

  /** Everything that waits. */
  entries(): Entry[] {
    return this.#levels.flatMap(({ lines }) => [...lines.values()].flatMap((line) => [...line]))
  }

  #level(priority: number): Level<Entry> {
    const index = this.#levels.findIndex((each) => each.priority <= priority)
    const found = this.#levels[index]
    if (found?.priority === priority) return found
    const level = { priority, lines: new Map<string, Set<Entry>>() }
    this.#levels.splice(index < 0 ? this.#levels.length : index, 0, level)
    return level
  }
}
