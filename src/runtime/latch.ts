/** Something that can be waited for more than once and costs nothing until somebody does. */
export class Latch {
  #promise: Promise<void> | undefined
  #open: (() => void) | undefined
  #isOpen = false

  get opened(): Promise<void> {
    this.#promise ??= this.#isOpen ? Promise.resolve() : new Promise((resolve) => (this.#open = resolve))
    return this.#promise
  }

  open(): void {
    this.#isOpen = true
    this.#open?.()
  }
}
