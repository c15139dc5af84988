/** How many ids are remembered at least; at most twice as many. */
export const RECENT_IDS = 1000

/** The last ids that came by, in two generations: remembering one costs the same whatever was before. */
export class RecentIds {
  #young = new Set<string>()
  #old = new Set<string>()

  constructor(ids: Iterable<string> = []) {
    for (const id of ids) this.add(id)
  }

  /** The oldest first. */
  list(): readonly string[] {
    return [...this.#old, ...this.#young]
  }

  has(id: string): boolean {
    return this.#young.has(id) || this.#old.has(id)
  }

  /** Remembers an id; false when it is known. */
  add(id: string): boolean {
    if (this.has(id)) return false
    if (this.#young.size >= RECENT_IDS) {
      this.#old = this.#young
      this.#young = new Set()
    }
    this.#young.add(id)
    return true
  }
}
