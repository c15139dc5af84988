/** A stream of Node, as far as it is needed here. */
export interface Corkable {
  cork(): void
  uncork(): void
}

/** So many messages leave together: a few save calls to the system, more would keep the peer waiting for its first. */
const BATCH = 8

/** Gathers what is written in one turn of the event loop into few packets. */
export class Cork {
  readonly #stream: Corkable
  #held = 0

  constructor(stream: Corkable) {
    this.#stream = stream
  }

  /** Call before each write. */
  hold(): void {
    if (this.#held === 0) {
      this.#stream.cork()
      setImmediate(() => this.#release())
    } else if (this.#held % BATCH === 0) {
      this.#stream.uncork()
      this.#stream.cork()
    }
    this.#held++
  }

  #release(): void {
    this.#held = 0
    this.#stream.uncork()
  }
}
