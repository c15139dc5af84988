import type { CheckedCommit } from '../check-operations.js'
import type { FoldedCommits } from '../fold-commits.js'

/** So many values are remembered, those of late: more than runs are usually under way. */
const MAX_KNOWN = 1024

/**
 * What this connection wrote last at keys that commits expect something of, such as the claim of a run at each boundary: as
 * long as nobody else wrote to the file it need not be read. To be asked within a transaction, when nobody else can.
 */
export class KnownValues {
  /** As JSON, the oldest first. */
  readonly #known = new Map<string, string>()
  #version: number | undefined

  /** @param version `PRAGMA data_version`: another one whenever another connection has changed the file. */
  begin(version: number): void {
    if (version !== this.#version) this.#known.clear()
    this.#version = version
  }

  get(key: string): string | undefined {
    return this.#known.get(key)
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
      else known.set(key, json)
    }
    for (const { expectations } of commits) {
      for (const { key } of expectations) {
        const json = records.get(key)
        if (json !== undefined) known.set(key, json)
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
