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
  readonly #resolve: (value: unknown) => void
  readonly #reject: (error: unknown) => void
  readonly #onAbort: (task: PendingTask) => void

  constructor(
    order: StepTask,
    control: TaskControl,
    resolve: (value: unknown) => void,
    reject: (error: unknown) => void,
    onAbort: (task: PendingTask) => void,
  ) {
    this.order = order
    this.control = control
    this.#resolve = resolve
    this.#reject = reject
    this.#onAbort = onAbort
    // The task itself is the listener: a function for each would be one thing more to make.
    control.signal.addEventListener('abort', this)
  }

  handleEvent(): void {
    this.#onAbort(this)
  }

  resolve(value: unknown): void {
    this.control.signal.removeEventListener('abort', this)
    this.#resolve(value)
  }

  reject(error: unknown): void {
    this.control.signal.removeEventListener('abort', this)
    this.#reject(error)
  }
}
