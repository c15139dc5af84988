import type { TimerHandle } from '../../core/clock.js'
import type { StepTask, TaskControl } from '../../core/step-executor.js'
import { assertJson } from '../protocol/assert-json.js'
import { escape } from '../protocol/escape.js'
import type { LogLevel } from '../../core/logger.js'
import type { LossReason, RequestListener, RequestResult } from '../server/request-table.js'
import type { Queued } from './fair-queue.js'
import type { Requirements } from './requirements.js'

/** Who is told what becomes of requests. */
export interface RequestOwner {
  ended(request: TaskRequest, result: RequestResult | undefined): void
  lost(request: TaskRequest, workerId: string, why: LossReason): void
  /** Its step no longer waits. */
  aborted(request: TaskRequest, reason: unknown): void
}

/** One step that waits for its task: queued, in hand of a worker, or settled. */
export class TaskRequest implements Queued, RequestListener {
  readonly task: StepTask
  readonly control: TaskControl
  readonly requirements: Requirements
  readonly key: string
  readonly startedAt: number
  /** Of the promise that its step waits for. */
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
  /** How often it was given to a worker. */
  dispatches = 0
  /** How often the connection was cut before the worker had it. */
  cuts = 0
  /** The id under which a worker has it. */
  requestId: string | undefined
  /** Where its executor keeps it while a worker has it. */
  place = 0
  isQueued = false
  isSettled = false
  /** Ends the wait for a worker. */
  queueTimer: TimerHandle
  /** Ends the whole. */
  timer: TimerHandle
  readonly #owner: RequestOwner
  /** It listens to the signal: the step has no other way to tell. */
  #hearsSignal = false

  constructor(
    task: StepTask,
    control: TaskControl,
    requirements: Requirements,
    startedAt: number,
    owner: RequestOwner,
    resolve: (value: unknown) => void,
    reject: (error: unknown) => void,
  ) {
    this.task = task
    this.control = control
    this.requirements = requirements
    this.key = task.key ?? ''
    this.startedAt = startedAt
    this.#owner = owner
    this.resolve = resolve
    this.reject = reject
  }

  get priority(): number {
    return this.requirements.priority
  }

  /** Hears from now on when its step no longer waits; at once, where that is so already. */
  listen(): void {
    const { onAbort } = this.control
    if (onAbort) return onAbort((reason) => this.#abort(reason))
    const { signal } = this.control
    if (signal.aborted) return this.#abort(signal.reason)
    this.#hearsSignal = true
    // The request itself is the listener: a function for each would be one thing more to make.
    signal.addEventListener('abort', this)
  }

  handleEvent(): void {
    this.#abort(this.control.signal.reason)
  }

  /** Once: from now on nothing is told of it. */
  settle(): void {
    this.isSettled = true
    if (this.#hearsSignal) this.control.signal.removeEventListener('abort', this)
  }

  onProgress(fraction: number, message: string | undefined): void {
    try {
      this.control.progress(fraction, message)
    } catch {
      // Whoever listens fails for himself: the task goes on.
    }
  }

  onLog(level: LogLevel, message: string, data: unknown): void {
    try {
      this.control.logger[level](message, data)
    } catch {
      // As above.
    }
  }

  onEnd(result: RequestResult | undefined): void {
    this.#owner.ended(this, result)
  }

  onLost(workerId: string, why: LossReason): void {
    this.#owner.lost(this, workerId, why)
  }

  /** The message that brings it to a worker, but for the field `step`. @param requestId Without anything to escape. */
  toText(requestId: string): string {
    const { task, input, runId, path, key, idempotencyKey, attempt } = this.task
    // Each time it is given out is an attempt: the one before may have done its work and lost only the answer.
    const given = attempt + this.dispatches - 1
    const json = JSON.stringify(input) as string | undefined
    return (
      `{"type":"task_request","requestId":"${requestId}","task":"${escape(task)}","runId":"${escape(runId)}",` +
      `"path":"${escape(path)}","idempotencyKey":"${escape(idempotencyKey)}","attempt":${given}` +
      (key === undefined ? '' : `,"key":"${escape(key)}"`) +
      (json === undefined ? '}' : `,"input":${json}}`)
    )
  }

  #abort(reason: unknown): void {
    if (!this.isSettled) this.#owner.aborted(this, reason)
  }
}

/** @throws {SystemError} `VALIDATION` naming the first path that JSON would lose or change. */
export function checkInput({ task, input }: StepTask): void {
  if (input === undefined) return
  assertJson(input, 'input', `Cannot send the input of task "${task}"`, { task })
}
