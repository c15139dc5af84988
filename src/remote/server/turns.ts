/** What is asked for comes one after the other, so that the last one holds in the end, however soon it was asked for. */
export class Turns {
  #last: Promise<void> = Promise.resolve()

  take(change: () => Promise<void>): Promise<void> {
    const done = this.#last.then(change)
    this.#last = done.catch(() => undefined)
    return done
  }
}
