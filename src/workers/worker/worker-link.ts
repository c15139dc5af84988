import type { Clock } from '../../core/clock.js'
import { LOG_LEVELS, type LogLevel, type Logger } from '../../core/logger.js'
import { SystemError, describe, reviveError } from '../../core/system-error.js'
import { checkTravels } from '../messages/check-travel.js'
import { uncloneable } from '../runner/runner-errors.js'
import {
  PROTOCOL_VERSION,
  type WireReply,
  type WorkerEvents,
  type WorkerSettings,
  message,
} from '../messages/protocol.js'
import { LogBudget, MAX_LINES_PER_SECOND } from './log-budget.js'
import type { WorkerPort } from './worker-port.js'

interface PendingCall {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
}

/** A worker's end of the line: sends events, logs, and asks the manager's side. */
export class WorkerLink {
  readonly settings: WorkerSettings
  readonly #port: WorkerPort
  readonly #budget: LogBudget
  readonly #calls = new Map<number, PendingCall>()
  #lastId = 0

  constructor(port: WorkerPort, settings: WorkerSettings, clock: Clock) {
    this.#port = port
    this.#budget = new LogBudget(clock)
    this.settings = settings
  }

  send<Event extends keyof WorkerEvents>(
    command: Event,
    payload: WorkerEvents[Event],
    transfer?: readonly Transferable[],
  ): void {
    this.#port.post({ v: PROTOCOL_VERSION, id: 0, command, payload }, transfer)
  }

  reply(reply: WireReply): void {
    this.#port.post(reply)
  }

  call(
    runnerId: string,
    name: string,
    payload: unknown,
    transfer?: readonly Transferable[],
  ): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const id = ++this.#lastId
      checkTravels(payload, 'payload')
      try {
        this.#port.post(message('call', { runnerId, name, payload }, id), transfer)
        this.#calls.set(id, { resolve, reject })
      } catch (error) {
        reject(uncloneable(`the payload of call "${name}"`, error))
      }
    })
  }

  /** The answer to a call. */
  settle({ id, ok, payload, error }: WireReply): void {
    const call = this.#calls.get(id)
    this.#calls.delete(id)
    if (ok) call?.resolve(payload)
    else call?.reject(error ? reviveError(error) : new SystemError('EXECUTION_FAILED', 'The call failed'))
  }

  /** A logger whose lines go to the manager; what cannot be cloned goes as text. */
  logger(write: (level: LogLevel, line: string, data?: unknown) => void): Logger {
    const { logLevel } = this.settings
    const least = logLevel === 'silent' ? Infinity : LOG_LEVELS.indexOf(logLevel)
    const at = (level: LogLevel) => (line: string, data?: unknown) => {
      if (LOG_LEVELS.indexOf(level) < least) return
      const { isAllowed, dropped } = this.#budget.take()
      if (dropped > 0)
        write(
          'warn',
          `${dropped} lines of this worker were dropped: log less than ${MAX_LINES_PER_SECOND} a second`,
        )
      if (!isAllowed) return
      try {
        write(level, line, data)
      } catch {
        write(level, line, describe(data))
      }
    }
    return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
  }
}
