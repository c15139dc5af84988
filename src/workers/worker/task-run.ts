import type { LogLevel, Logger } from '../../core/logger.js'
import type { StepTask, TaskContext } from '../../core/step-executor.js'
import { describe } from '../../core/system-error.js'
import type { WireTask } from '../messages/protocol.js'
import type { WorkerLink } from './worker-link.js'

/** One task where it runs: what its code sees. Signal and logger are made when they are asked for; few tasks want them. */
export class TaskRun implements TaskContext {
  readonly task: string
  readonly runId: string
  readonly workflowId: string
  readonly pipelineId: string
  readonly stageId: string
  readonly stepId: string
  readonly path: string
  readonly attempt: number
  readonly idempotencyKey: string
  readonly timeoutMs: number
  readonly requires: StepTask['requires']
  readonly key: string | undefined
  readonly #id: number
  readonly #link: WorkerLink
  #controller: AbortController | undefined
  #logger: Logger | undefined
  #reason: Error | undefined

  constructor(order: WireTask, link: WorkerLink) {
    this.#id = order[0]
    this.#link = link
    this.task = order[1]
    this.runId = order[3]
    this.workflowId = order[4]
    this.pipelineId = order[5]
    this.stageId = order[6]
    this.stepId = order[7]
    this.path = order[8]
    this.attempt = order[9]
    this.idempotencyKey = order[10]
    this.timeoutMs = order[11]
    this.requires = order[12]
    this.key = order[13]
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController()
      if (this.#reason) this.#controller.abort(this.#reason)
    }
    return this.#controller.signal
  }

  get logger(): Logger {
    if (!this.#logger) {
      const at = (level: LogLevel) => (line: string, data?: unknown) => this.#log(level, line, data)
      this.#logger = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
    }
    return this.#logger
  }

  /** Bound, because contexts are taken apart: `({ progress }) => …`. */
  get progress(): TaskContext['progress'] {
    return (fraction, line) =>
      this.#link.send('taskProgress', {
        taskId: this.#id,
        fraction,
        ...(line === undefined ? {} : { message: line }),
      })
  }

  /** Whatever the level: it is the step's own logger that decides. What cannot be cloned goes as text. */
  #log(level: LogLevel, line: string, data: unknown): void {
    const log = { taskId: this.#id, level, message: line }
    try {
      this.#link.send('taskLog', { ...log, data })
    } catch {
      this.#link.send('taskLog', { ...log, data: describe(data) })
    }
  }

  abort(reason: Error): void {
    this.#reason = reason
    this.#controller?.abort(reason)
  }
}
