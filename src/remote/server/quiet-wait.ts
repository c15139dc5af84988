/** Waits until something is so, looked at whenever something has ended. One wait at a time. */
export class QuietWait {
  #isSo: (() => boolean) | undefined
  #resolve: (() => void) | undefined

  until(isSo: () => boolean): Promise<void> {
    if (isSo()) return Promise.resolve()
    this.#isSo = isSo
    return new Promise((resolve) => (this.#resolve = resolve))
  }

  check(): void {
    if (this.#isSo?.()) this.give()
  }

  /** Ends the wait, whether it is so or not. */
  give(): void {
    this.#isSo = undefined
    this.#resolve?.()
  }
}
