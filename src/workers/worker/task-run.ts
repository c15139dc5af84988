import type { LogLevel, Logger } from '../../core/logger.js'
import type { StepTask, TaskContext } from '../../core/step-executor.js'
import { describe } from '../../core/system-error.js'
import type { WireTask, WireTaskGroup } from '../messages/task-messages.js'
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

  constructor(group: WireTaskGroup, order: WireTask, link: WorkerLink) {
    this.#id = order[0]
    this.#link = link
    this.task = group[0]
    this.runId = order[2]
    this.workflowId = group[1]
    this.pipelineId = group[2]
    this.stageId = group[3]
    this.stepId = group[4]
    this.path = group[5]
    this.attempt = group[6]
    this.idempotencyKey = order[3]
    this.timeoutMs = group[7]
    this.requires = group[8]
    this.key = order[4]
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
    return (fraction, line) => {
      if (!Number.isFinite(fraction)) return
      this.#link.send('taskProgress', {
        taskId: this.#id,
        fraction,
        ...(line === undefined ? {} : { message: String(line) }),
      })
    }
  }

  /** Whatever the level: it is the step's own logger that decides. What cannot be cloned goes as text. */
  #log(level: LogLevel, line: string, data: unknown): void {
    const log = { taskId: this.#id, level, message: String(line) }
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
