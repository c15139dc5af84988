/**
 * What one runtime has asked of its store and not heard of yet, so that whoever must not leave or answer before can wait
 * for it.
 */
export class PendingWork {
  readonly #writes = new Set<Promise<void>>()
  readonly #checks = new Set<Promise<void>>()
  readonly #tidying = new Set<Promise<void>>()
  readonly #telling = new Set<Promise<void>>()

  /** A write that somebody waits for. It may reject: who waits here only wants to know that it is over. */
  track(write: Promise<void>): void {
    const settled = write.then(
      () => void this.#writes.delete(settled),
      () => void this.#writes.delete(settled),
    )
    this.#writes.add(settled)
  }

  /** Reads after which writes may follow. Must not reject. */
  check(act: Promise<void>): void {
    keepIn(this.#checks, act)
  }

  /** Writes that nobody waits for but who stops the runtime. Must not reject. */
  tidy(act: Promise<void>): void {
    keepIn(this.#tidying, act)
  }

  /** A hook that hears of an end, and what follows. Only who stops the runtime waits for it. Must not reject. */
  tell(act: Promise<void>): void {
    keepIn(this.#telling, act)
  }

  /** What was asked of the store until now, and what follows from it, is done. */
  async written(): Promise<void> {
    await Promise.all(this.#checks)
    await this.stored()
  }

  /** The writes that are under way now are done. */
  async stored(): Promise<void> {
    await Promise.all(this.#writes)
  }

  /** Everybody was told of the ends there were. */
  async told(): Promise<void> {
    await Promise.all(this.#telling)
  }

  /** Nothing is under way that was asked of the store. */
  async settled(): Promise<void> {
    await Promise.all(this.#checks)
    await Promise.all([...this.#writes, ...this.#tidying])
  }
}

function keepIn(acts: Set<Promise<void>>, act: Promise<void>): void {
  acts.add(act)
  void act.then(() => acts.delete(act))
}
