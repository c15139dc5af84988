import type { CheckedCommit } from '../check-operations.js'
import type { FoldedCommits } from '../fold-commits.js'

/** So many values are remembered, those of late: more than runs are usually under way. */
const MAX_KNOWN = 1024

interface Known {
  readonly json: string
  /** Of the JSON, once somebody asked for it. */
  value?: unknown
}

/**
 * What this connection wrote last at keys that commits expect something of, such as the claim of a run at each boundary: as
 * long as nobody else wrote to the file it need not be read.
 */
export class KnownValues {
  /** The oldest first. */
  readonly #known = new Map<string, Known>()

  has(key: string): boolean {
    return this.#known.has(key)
  }

  /** The value at a key that it has. */
  get(key: string): unknown {
    const known = this.#known.get(key)
    return known && (known.value ??= JSON.parse(known.json))
  }

  /** Takes over what a transaction of this connection has written. */
  committed(
    commits: readonly CheckedCommit<string>[],
    { deletedPrefixes, records }: FoldedCommits<string>,
  ): void {
    const known = this.#known
    for (const prefix of deletedPrefixes) {
      for (const key of known.keys()) if (key.startsWith(prefix)) known.delete(key)
    }
    for (const [key, json] of records) {
      if (!known.has(key)) continue
      if (json === undefined) known.delete(key)
      else known.set(key, { json })
    }
    for (const { expectations } of commits) {
      for (const { key } of expectations) {
        const json = records.get(key)
        if (json !== undefined) known.set(key, { json })
      }
    }
    for (const key of known.keys()) {
      if (known.size <= MAX_KNOWN) break
      known.delete(key)
    }
  }

  clear(): void {
    this.#known.clear()
  }
}
