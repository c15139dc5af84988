import type { StepTask, TaskControl } from '../../core/step-executor.js'
import type { TaskPlace } from './task-place.js'

/** A task whose step waits for it. Settles once. */
export class PendingTask {
  readonly order: StepTask
  readonly control: TaskControl
  /** Where it was sent; absent while it is in the queue. */
  place: TaskPlace | undefined
  /** Under which number it was sent. */
  id = 0
  isSettled = false
  readonly #resolve: (value: unknown) => void
  readonly #reject: (error: unknown) => void
  readonly #onAbort: (task: PendingTask, reason: unknown) => void
  /** Whether it listens to a signal, which may outlive it. */
  readonly #listens: boolean

  constructor(
    order: StepTask,
    control: TaskControl,
    resolve: (value: unknown) => void,
    reject: (error: unknown) => void,
    onAbort: (task: PendingTask, reason: unknown) => void,
  ) {
    this.order = order
    this.control = control
    this.#resolve = resolve
    this.#reject = reject
    this.#onAbort = onAbort
    const { onAbort: hear } = control
    this.#listens = hear === undefined
    if (hear) hear((reason) => this.#abort(reason))
    // The task itself is the listener: a function for each would be one thing more to make.
    else if (control.signal.aborted) this.#abort(control.signal.reason)
    else control.signal.addEventListener('abort', this)
  }

  handleEvent(): void {
    this.#abort(this.control.signal.reason)
  }

  resolve(value: unknown): void {
    this.#settle()
    this.#resolve(value)
  }

  reject(error: unknown): void {
    this.#settle()
    this.#reject(error)
  }

  #abort(reason: unknown): void {
    if (this.isSettled) return
    this.#onAbort(this, reason)
    this.reject(reason)
  }

  #settle(): void {
    this.isSettled = true
    if (this.#listens) this.control.signal.removeEventListener('abort', this)
  }
}
