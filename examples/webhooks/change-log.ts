/** A change that is in no release yet. */
export interface Change {
  readonly number: number
  readonly title: string
  readonly labels: readonly string[]
}

/** What was triaged since the last release, per repository: triage writes it, the release train takes it. */
export class ChangeLog {
  readonly #changes = new Map<string, Map<number, Change>>()

  /** The same number again replaces what was known of it. */
  add(repository: string, change: Change): void {
    const changes = this.#changes.get(repository) ?? new Map<number, Change>()
    this.#changes.set(repository, changes.set(change.number, change))
  }

  peek(repository: string): readonly Change[] {
    return [...(this.#changes.get(repository)?.values() ?? [])].sort((a, b) => a.number - b.number)
  }

  clear(repository: string): void {
    this.#changes.delete(repository)
  }
}
