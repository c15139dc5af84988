import { LOG_LEVELS, type Logger } from '../../core/logger.js'
import type { TaskContext } from '../../core/step-executor.js'
import type { Message, WireStep } from '../protocol/messages.js'
import { canTravel } from '../protocol/read-frame.js'

/** What a task says while it runs. */
export interface TaskNews {
  readonly type: 'task_accept' | 'task_progress' | 'task_log'
  readonly [field: string]: unknown
}

/** How much of a log entry's data travels, characters of JSON. */
const MAX_LOG_LENGTH = 64 * 1024

/**
 * What a task is told of itself. Signal, logger and `progress` are made when they are asked for: most tasks are done
 * before they would be. They are getters of a class, because an object literal with getters is twenty times slower to make
 * and outlives several collections.
 */
export class RemoteTaskContext implements TaskContext {
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
  readonly requires: Readonly<Record<string, unknown>>
  declare readonly key?: string
  readonly #controller: AbortController
  readonly #tell: (news: TaskNews) => void
  #logger: Logger | undefined
  #progress: TaskContext['progress'] | undefined

  constructor(
    { task, runId = '', path = '', key, attempt, idempotencyKey }: Message<'task_request'>,
    step: WireStep,
    controller: AbortController,
    tell: (news: TaskNews) => void,
  ) {
    this.task = task
    this.runId = runId
    this.workflowId = step.workflowId
    this.pipelineId = step.pipelineId
    this.stageId = step.stageId
    this.stepId = step.stepId
    this.path = path
    this.attempt = attempt
    this.idempotencyKey = idempotencyKey
    this.timeoutMs = step.timeoutMs ?? Infinity
    this.requires = step.requires
    if (key !== undefined) this.key = key
    this.#controller = controller
    this.#tell = tell
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  get progress(): TaskContext['progress'] {
    return (this.#progress ??= (fraction, message) => {
      if (!Number.isFinite(fraction)) return
      this.#tell({
        type: 'task_progress',
        fraction,
        message: message === undefined ? message : String(message),
      })
    })
  }

  get logger(): Logger {
    return (this.#logger ??= createLogger(this.#tell))
  }
}

function createLogger(tell: (news: TaskNews) => void): Logger {
  const write = (level: keyof Logger) => (message: string, data?: unknown) => {
    tell({ type: 'task_log', level, message: String(message), data: toTravel(data) })
  }
  return Object.fromEntries(LOG_LEVELS.map((level) => [level, write(level)])) as unknown as Logger
}

/** What of a log entry's data can be sent. */
function toTravel(data: unknown): unknown {
  try {
    const json = JSON.stringify(data) as string | undefined
    if (json === undefined) return data
    if (json.length > MAX_LOG_LENGTH) return `${json.slice(0, MAX_LOG_LENGTH)}…`
    return canTravel(json) ? data : '[data that is too deep, or has a reserved key]'
  } catch {
    return '[data that is not JSON]'
  }
}
