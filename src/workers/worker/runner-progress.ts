import type { Clock } from '../../core/clock.js'
import { type SystemError, serializeError } from '../../core/system-error.js'
import { invalidTransition } from '../runner/runner-errors.js'
import type { RunnerOptions } from '../runner/runner-options.js'
import {
  type RunnerCommand,
  type RunnerOccurrence,
  type RunnerState,
  type StateChange,
  isFinal,
  nextState,
} from '../runner/runner-state.js'
import type { RunnerMeter } from './runner-meter.js'
import type { TelemetryBuffer } from './telemetry-buffer.js'
import type { WorkerLink } from './worker-link.js'

export interface RunnerProgressOptions {
  readonly runnerId: string
  readonly clock: Clock
  readonly link: WorkerLink
  readonly buffer: TelemetryBuffer
  readonly meter: RunnerMeter
}

/** How many changes are kept for whoever asks. */
const MAX_HISTORY = 100

/**
 * Where one runner stands: moves it on by the table, and tells each move.
 *
 * P1. A move is a cell of the table, and is told exactly once, in order.
 * P2. The last telemetry leaves before the last move is told.
 */
export class RunnerProgress {
  readonly history: StateChange[] = []
  state: RunnerState = 'initializing'
  seq = 0
  readonly #options: RunnerProgressOptions

  constructor(options: RunnerProgressOptions) {
    this.#options = options
  }

  get hasEnded(): boolean {
    return isFinal(this.state)
  }

  allows(command: RunnerCommand): boolean {
    return nextState(this.state, command) !== undefined
  }

  /** Refuses what the table refuses: to be asked again after every wait. @throws {SystemError} `INVALID_COMMAND` */
  require(command: RunnerCommand): void {
    if (!this.allows(command)) throw invalidTransition(this.#options.runnerId, this.state, command)
  }

  move(
    reason: RunnerCommand | RunnerOccurrence,
    more: { readonly error?: SystemError | undefined; readonly options?: RunnerOptions } = {},
  ): void {
    const { runnerId, clock, buffer, link, meter } = this.#options
    const from = this.state
    const to = nextState(from, reason)
    if (to === undefined) throw new TypeError(`The table has no way from ${from} on ${reason}`)
    const now = clock.now()
    this.state = to
    if (to === 'running') meter.run(now)
    else meter.rest(now)
    if (this.hasEnded) {
      buffer.touch(meter)
      buffer.flush()
    }
    const { error, options } = more
    const change: StateChange = {
      runnerId,
      workerId: link.settings.workerId,
      from,
      to,
      at: Math.floor(now),
      seq: ++this.seq,
      reason,
      ...(error && { error: serializeError(error) }),
      ...(options && { options }),
    }
    if (this.history.push(change) > MAX_HISTORY) this.history.shift()
    link.send('stateChange', change)
  }
}
