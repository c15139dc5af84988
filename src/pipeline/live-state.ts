import { type Change, type StateObject, fromPartial, toChange } from '../state/change.js'
import type { CompiledPipeline } from './compiled-pipeline.js'
import type { RunHost } from './run-host.js'

interface PendingSignal {
  readonly patch: Readonly<Record<string, unknown>>
  readonly landed: () => void
  readonly refused: (error: unknown) => void
}

/** The state of one pipeline: its value at the last boundary, and the signals that wait for the next one. */
export class LiveState {
  value: StateObject
  readonly #pipeline: CompiledPipeline
  readonly #host: RunHost
  readonly #path: string
  #signals: PendingSignal[] = []

  constructor(value: StateObject, pipeline: CompiledPipeline, host: RunHost, path: string) {
    this.value = value
    this.#pipeline = pipeline
    this.#host = host
    this.#path = path
  }

  /** Resolves when the patch has landed. Throws `VALIDATION` at once when it is no plain data. */
  signal(patch: Readonly<Record<string, unknown>>): Promise<void> {
    fromPartial({}, patch)
    return new Promise((landed, refused) => this.#signals.push({ patch, landed, refused }))
  }

  /** The state with every signal that waited, in the order they were given. One that does not fit is refused alone. */
  withSignals(state: StateObject): StateObject {
    if (this.#signals.length === 0) return state
    for (const { patch, landed, refused } of this.#signals.splice(0)) {
      try {
        const change = fromPartial(state, patch)
        if (change) {
          this.#pipeline.checkState(change.next)
          this.record('state:signal', {}, change)
          state = change.next
        }
        landed()
      } catch (error) {
        refused(error)
      }
    }
    return state
  }

  /** Lets what waits land now: nothing is under way. */
  land(): void {
    this.value = this.withSignals(this.value)
  }

  /** Changes the value now. Throws `VALIDATION` when the change does not fit. */
  write(output: unknown): void {
    const change = toChange(this.value, output)
    if (!change) return
    this.#pipeline.checkState(change.next)
    this.record('state:signal', {}, change)
    this.value = change.next
  }

  /** No further boundary comes. The reason is made only where a signal waits: it has a stack, which is dear. */
  refuseSignals(reason: () => unknown): void {
    if (this.#signals.length === 0) return
    for (const { refused } of this.#signals.splice(0)) refused(reason())
  }

  /** The timeline replays the state of the run itself; of a child it tells which fields were written. */
  record(type: string, payload: Readonly<Record<string, unknown>>, { patches: delta, next }: Change): void {
    const { record } = this.#host
    if (!record) return
    if (this.#path === '') return record('store', type, payload, { delta, state: next })
    const changed = [...new Set(delta.map(({ path }) => path[0]))]
    record('store', type, { ...payload, path: this.#path, changed })
  }
}
