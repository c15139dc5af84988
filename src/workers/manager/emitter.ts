type Listener<Payload> = (payload: Payload) => void

/** Listeners by event. One that throws is reported, and stops neither the others nor whoever emits. */
export class Emitter<Events> {
  readonly #listeners = new Map<keyof Events, Set<Listener<never>>>()
  readonly #onFault: (error: unknown) => void

  constructor(onFault: (error: unknown) => void) {
    this.#onFault = onFault
  }

  /** @returns how to stop listening. */
  on<Type extends keyof Events>(type: Type, listener: Listener<Events[Type]>): () => void {
    let all = this.#listeners.get(type)
    if (!all) this.#listeners.set(type, (all = new Set()))
    // Wrapped, so that the same function can listen twice and stop once.
    const entry: Listener<Events[Type]> = (payload) => listener(payload)
    all.add(entry)
    return () => all.delete(entry)
  }

  emit<Type extends keyof Events>(type: Type, payload: Events[Type]): void {
    for (const listener of this.#listeners.get(type) ?? []) {
      try {
        ;(listener as Listener<Events[Type]>)(payload)
      } catch (error) {
        this.#onFault(error)
      }
    }
  }
}
