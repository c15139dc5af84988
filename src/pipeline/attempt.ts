import type { BusEvent, EventMeta } from '../core/bus-event.js'
import { LOG_LEVELS, type LogLevel, type Logger } from '../core/logger.js'
import type { TaskControl } from '../core/step-executor.js'
import { SystemError } from '../core/system-error.js'
import { writeLog } from '../core/write-log.js'
import type { StateObject } from '../state/change.js'
import type { CompiledStep } from './compiled-pipeline.js'
import { type RecordedPayload, stepPayload } from './recorded-payloads.js'
import type { ResumeCause } from './resume-cause.js'
import type { Dependencies, RunHost } from './run-host.js'
import type { StepContext } from './step-context.js'

/** What the steps of one visit of a stage have in common. */
export interface StageFrame {
  readonly host: RunHost
  readonly pipelineId: string
  readonly stageId: string
  /** Where the pipeline stands in the run. */
  readonly pipelinePath: string
  /** Where the stage stands in the run: what `ctx.path` begins with. */
  readonly path: string
  /** Names this visit of this stage in the run for ever; the root of idempotency keys. */
  readonly visitKey: string
  readonly snapshot: StateObject
  readonly resume: ResumeCause | undefined
  /** Executions of this visit that were cut off before they could commit. */
  readonly interruptions: number
}

/** One attempt of a step: what it published, its abort signal, and whether it is still the one that counts. */
export class Attempt {
  readonly step: CompiledStep
  readonly frame: StageFrame
  /** From 1, cut-off executions included. */
  readonly number: number
  readonly context: StepContext & TaskControl = new AttemptContext(this)
  #events: BusEvent[] | undefined
  #controller: AbortController | undefined
  #abortListeners: ((reason: unknown) => void)[] | undefined
  #logger: Logger | undefined
  #isOver = false
  #reason: unknown

  constructor(step: CompiledStep, frame: StageFrame, number: number) {
    this.step = step
    this.frame = frame
    this.number = number
  }

  get events(): readonly BusEvent[] {
    return this.#events ?? []
  }

  /** The ids of the step, for errors. */
  get ids(): Readonly<Record<string, unknown>> {
    return { runId: this.frame.host.runId, ...this.place }
  }

  /** Where in the run this happens, for the timeline. */
  get place(): RecordedPayload {
    const isOrdinary = this.number === 1 && this.frame.pipelinePath === ''
    return isOrdinary ? stepPayload(this.step, () => this.#place()) : this.#place()
  }

  #place(): RecordedPayload {
    const { pipelineId, stageId, path } = this.frame
    const stepId = this.step.id
    return { pipelineId, stageId, stepId, path: `${path}/${stepId}`, attempt: this.number }
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController()
      if (this.#reason !== undefined) this.#controller.abort(this.#reason)
    }
    return this.#controller.signal
  }

  /** For executors: hears what the signal would tell, without there having to be one. */
  onAbort(listener: (reason: unknown) => void): void {
    if (this.#reason !== undefined) listener(this.#reason)
    else if (this.#abortListeners) this.#abortListeners.push(listener)
    // A first `push` would make room for seventeen.
    else this.#abortListeners = [listener]
  }

  get logger(): Logger {
    return (this.#logger ??= this.#createLogger())
  }

  /** From here on what the code does has no effect. With a reason, it is told through its signal. */
  end(reason?: SystemError): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#reason = reason
    if (!reason) return
    this.#controller?.abort(reason)
    for (const listener of this.#abortListeners ?? []) listener(reason)
  }

  publish(type: string, payload: unknown, meta?: EventMeta): BusEvent {
    if (this.#isOver) {
      throw new SystemError(
        'INVALID_COMMAND',
        `Cannot publish "${type}": this attempt of the step is over; publish before its promise settles`,
        { context: this.ids },
      )
    }
    const { host } = this.frame
    const { id, correlationId } = host.event
    const event = host.createEvent(type, payload, {
      causationId: id,
      ...(correlationId === undefined ? {} : { correlationId }),
      ...meta,
    })
    ;(this.#events ??= []).push(event)
    return event
  }

  progress(fraction: number, message?: string): void {
    if (this.#isOver) return
    const share = Number.isFinite(fraction) ? Math.min(1, Math.max(0, fraction)) : 0
    this.frame.host.record?.(
      'pipeline',
      'step:progress',
      Object.assign({}, this.place, { fraction: share }, message === undefined ? undefined : { message }),
    )
  }

  #createLogger(): Logger {
    const { host } = this.frame
    const write = (level: LogLevel) => (message: string, data?: unknown) => {
      host.record?.(
        'logger',
        `log:${level}`,
        Object.assign({}, this.place, { message }, data === undefined ? undefined : { data }),
      )
      try {
        writeLog(host.logger, level, message, data)
      } catch {
        // A sink that fails is no fault of the step.
      }
    }
    return Object.fromEntries(LOG_LEVELS.map((level) => [level, write(level)])) as unknown as Logger
  }
}

/** Reads everything from the attempt when it is asked for, so that a step pays for what it uses; methods may be detached. */
class AttemptContext implements StepContext, TaskControl {
  readonly #attempt: Attempt

  constructor(attempt: Attempt) {
    this.#attempt = attempt
  }

  get runId(): string {
    return this.#attempt.frame.host.runId
  }
  get workflowId(): string {
    return this.#attempt.frame.host.workflowId
  }
  get pipelineId(): string {
    return this.#attempt.frame.pipelineId
  }
  get stageId(): string {
    return this.#attempt.frame.stageId
  }
  get stepId(): string {
    return this.#attempt.step.id
  }
  get path(): string {
    return `${this.#attempt.frame.path}/${this.#attempt.step.id}`
  }
  get attempt(): number {
    return this.#attempt.number
  }
  get state(): StateObject {
    return this.#attempt.frame.snapshot
  }
  get event(): BusEvent {
    return this.#attempt.frame.host.event
  }
  get resume(): ResumeCause | undefined {
    return this.#attempt.frame.resume
  }
  get signal(): AbortSignal {
    return this.#attempt.signal
  }
  /** Not for steps, which have the signal. */
  get onAbort() {
    const attempt = this.#attempt
    return (listener: (reason: unknown) => void): void => attempt.onAbort(listener)
  }
  get logger(): Logger {
    return this.#attempt.logger
  }
  get idempotencyKey(): string {
    return `${this.#attempt.frame.visitKey}/${this.#attempt.step.key}`
  }
  get use() {
    const { host, pipelinePath } = this.#attempt.frame
    return <Result>(callback: (deps: Dependencies) => Result): Result => host.use(callback, pipelinePath)
  }
  get publish() {
    const attempt = this.#attempt
    return <Type extends string>(type: Type, payload: unknown, meta?: EventMeta): BusEvent<Type> =>
      attempt.publish(type, payload, meta) as BusEvent<Type>
  }
  get progress() {
    const attempt = this.#attempt
    return (fraction: number, message?: string): void => attempt.progress(fraction, message)
  }
}
