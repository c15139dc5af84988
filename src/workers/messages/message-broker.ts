import type { Clock, TimerHandle } from '../../core/clock.js'
import { SystemError, reviveError } from '../../core/system-error.js'
import { type ManagerCommands, PROTOCOL_VERSION, type WireMessage, type WireReply } from './protocol.js'
import { workerError } from '../runner/runner-errors.js'

export interface MessageBrokerOptions {
  readonly clock: Clock
  /** For messages of errors. */
  readonly workerId: string
  readonly maxPending: number
  /** @throws when the message cannot be sent. */
  readonly post: (message: WireMessage, transfer?: readonly Transferable[]) => void
}

interface Pending {
  readonly resolve: (payload: unknown) => void
  readonly reject: (error: unknown) => void
  readonly timer: TimerHandle
}

/**
 * Questions to one host, and their answers.
 *
 * M1. A request settles exactly once: by its reply, at its timeout, or when the host is lost. What comes later is dropped and counted.
 */
export class MessageBroker {
  /** Replies that came after their timeout, or to nobody. */
  lateReplies = 0
  readonly #options: MessageBrokerOptions
  readonly #pending = new Map<number, Pending>()
  #lastId = 0
  #closedBy: SystemError | undefined

  constructor(options: MessageBrokerOptions) {
    this.#options = options
  }

  get pending(): number {
    return this.#pending.size
  }

  request<Command extends keyof ManagerCommands>(
    command: Command,
    payload: ManagerCommands[Command],
    timeoutMs: number,
  ): Promise<unknown> {
    const { clock, workerId, maxPending, post } = this.#options
    return new Promise((resolve, reject) => {
      if (this.#closedBy) throw this.#closedBy
      if (this.#pending.size >= maxPending) throw queueFull(workerId, maxPending)
      const id = ++this.#lastId
      post({ v: PROTOCOL_VERSION, id, command, payload })
      const timer = clock.setTimeout(() => {
        this.#pending.delete(id)
        reject(timedOut(command, workerId, timeoutMs))
      }, timeoutMs)
      this.#pending.set(id, { resolve, reject, timer })
    })
  }

  settle({ id, ok, payload, error }: WireReply): void {
    const pending = this.#pending.get(id)
    if (!pending) {
      this.lateReplies++
      return
    }
    this.#pending.delete(id)
    this.#options.clock.clearTimeout(pending.timer)
    if (ok) pending.resolve(payload)
    else
      pending.reject(
        error ? reviveError(error) : new SystemError('EXECUTION_FAILED', 'The worker gave no reason'),
      )
  }

  /** The host is gone: everything that waits, and everything asked later, rejects with `reason`. */
  close(reason: SystemError): void {
    this.#closedBy ??= reason
    for (const { reject, timer } of this.#pending.values()) {
      this.#options.clock.clearTimeout(timer)
      reject(reason)
    }
    this.#pending.clear()
  }
}

function queueFull(workerId: string, maxPending: number): SystemError {
  return workerError(
    'CAPACITY',
    'QUEUE_FULL',
    `Worker "${workerId}" has ${maxPending} messages to answer: wait, or raise maxPendingMessages`,
    { workerId, maxPending },
  )
}

function timedOut(command: string, workerId: string, timeoutMs: number): SystemError {
  return workerError(
    'TIMEOUT',
    'MESSAGE_TIMEOUT',
    `Worker "${workerId}" has not answered ${command} within ${timeoutMs} ms`,
    { workerId, command, timeoutMs },
  )
}
