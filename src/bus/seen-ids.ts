/**
 * Remembers at least the last `limit` ids it was told, and at most twice as many: when one generation is full it
 * becomes the older one, and the older one is forgotten as a whole.
 */
export class SeenIds {
  readonly #limit: number
  #young = new Set<string>()
  #old = new Set<string>()

  constructor(limit: number) {
    this.#limit = limit
  }

  /** Remembers an id; `false` when it was known. */
  add(id: string): boolean {
    if (this.#young.has(id) || this.#old.has(id)) return false
    if (this.#young.size >= this.#limit) {
      this.#old = this.#young
      this.#young = new Set()
    }
    this.#young.add(id)
    return true
  }
}
