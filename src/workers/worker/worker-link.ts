import type { Clock, TimerHandle } from '../../core/clock.js'
import { LOG_LEVELS, type LogLevel, type Logger } from '../../core/logger.js'
import { SystemError, describe, reviveError } from '../../core/system-error.js'
import { checkTravels } from '../messages/check-travel.js'
import type { WireResults } from '../messages/task-messages.js'
import { uncloneable } from '../runner/runner-errors.js'
import {
  PROTOCOL_VERSION,
  type TelemetryBatch,
  type WireMessage,
  type WireReply,
  type WorkerEvents,
  type WorkerSettings,
  message,
} from '../messages/protocol.js'
import { preciseClock } from './precise-clock.js'
import { LogBudget, MAX_LINES_PER_SECOND } from './log-budget.js'
import type { WorkerPort } from './worker-port.js'

/**
 * How many milliseconds lie between two messages of nothing but telemetry, at least. Each wakes the manager's thread, which takes
 * longer than all that is in it.
 */
const TELEMETRY_GAP_MS = 20

interface PendingCall {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
}

const { setImmediate: immediate } = globalThis as { setImmediate?: (callback: () => void) => unknown }

/** A worker's end of the line: sends events, logs, and asks the manager's side. */
export class WorkerLink {
  readonly settings: WorkerSettings
  readonly #port: WorkerPort
  readonly #budget: LogBudget
  readonly #calls = new Map<number, PendingCall>()
  /** Runs a callback at the end of the turn; absent where the host has nothing for it, and under a clock that is moved by hand. */
  readonly #atTurnEnd: ((callback: () => void) => unknown) | undefined
  readonly #clock: Clock
  #telemetry: TelemetryBatch[] = []
  #telemetrySentAt = -Infinity
  #telemetryTimer: TimerHandle
  #lastId = 0

  constructor(port: WorkerPort, settings: WorkerSettings, clock: Clock) {
    this.#port = port
    this.#budget = new LogBudget(clock)
    this.settings = settings
    this.#clock = clock
    this.#atTurnEnd = clock === preciseClock ? immediate : undefined
  }

  send<Event extends keyof WorkerEvents>(
    command: Event,
    payload: WorkerEvents[Event],
    transfer?: readonly Transferable[],
  ): void {
    this.#post({ v: PROTOCOL_VERSION, id: 0, command, payload }, transfer)
  }

  sendResults(results: WireResults, transfer: readonly Transferable[]): void {
    this.#post(results, transfer)
  }

  /**
   * Leaves with the turn, or {@link TELEMETRY_GAP_MS} after the last, or before whatever else is sent meanwhile: a message for
   * each batch would take longer than all that is in it.
   */
  sendTelemetry(batch: TelemetryBatch): void {
    if (this.#telemetry.push(batch) > 1) return
    const leave = () => this.#flushTelemetry()
    const waitMs = this.#telemetrySentAt + TELEMETRY_GAP_MS - this.#clock.now()
    if (waitMs > 0) this.#telemetryTimer = this.#clock.setTimeout(leave, waitMs)
    else if (this.#atTurnEnd) this.#atTurnEnd(leave)
    else leave()
  }

  reply(reply: WireReply): void {
    this.#post(reply)
  }

  #flushTelemetry(): void {
    if (this.#telemetry.length === 0) return
    const batches = this.#telemetry
    this.#telemetry = []
    this.#clock.clearTimeout(this.#telemetryTimer)
    this.#telemetrySentAt = this.#clock.now()
    this.#port.post(message('telemetry', batches))
  }

  #post(posted: WireMessage | WireReply | WireResults, transfer?: readonly Transferable[]): void {
    this.#flushTelemetry()
    this.#port.post(posted, transfer)
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
        this.#post(message('call', { runnerId, name, payload }, id), transfer)
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
