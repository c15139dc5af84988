const logger = { debug() {}, info() {}, warn() {}, error() {} }

/** What the engine hands an executor with each attempt of a step: its end can be heard, and a signal is made for who asks for one. */
export class StepControl {
  logger = logger
  #controller
  #abortListeners
  get signal() {
    return (this.#controller ??= new AbortController()).signal
  }
  get onAbort() {
    return (listener) => {
      if (this.#abortListeners) this.#abortListeners.push(listener)
      else this.#abortListeners = [listener]
    }
  }
  progress() {}
}
