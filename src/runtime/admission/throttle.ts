import type { Clock, TimerHandle } from '../../core/clock.js'
import type { Ticket } from '../modes/mode.js'
import { WaitingLine } from '../modes/waiting-line.js'
import type { AdmissionHost, Gate } from './gate.js'
import { RateWindows } from './rate-limit.js'
import type { RateOptions } from './rate-window.js'

interface Lane {
  readonly line: WaitingLine<Ticket>
  timer: TimerHandle
}

/**
 * Lets tickets through at a rate and holds back the excess, per key: higher priority first, then in their order.
 * A lane, and its one timer, exist only while tickets wait in it. How many wait is not bounded; a rate limit in front is.
 */
export class Throttle implements Gate {
  readonly #windows: RateWindows
  readonly #lanes = new Map<string | undefined, Lane>()
  readonly #next: (ticket: Ticket) => void
  readonly #host: AdmissionHost
  readonly #clock: Clock

  constructor(options: RateOptions, next: (ticket: Ticket) => void, host: AdmissionHost, clock: Clock) {
    this.#windows = new RateWindows(options)
    this.#next = next
    this.#host = host
    this.#clock = clock
  }

  admit(ticket: Ticket): void {
    const { key } = ticket
    let lane = this.#lanes.get(key)
    if (!lane) {
      const now = this.#clock.now()
      if (this.#windows.of(key, now).take(now)) return this.#next(ticket)
      lane = { line: new WaitingLine(), timer: undefined }
      this.#lanes.set(key, lane)
      this.#arm(key, lane)
    }
    lane.line.add(ticket)
    this.#host.decide(ticket, 'delayed')
  }

  withdraw(runId: string): Ticket | undefined {
    for (const [key, { line, timer }] of this.#lanes) {
      const ticket = line.remove(runId)
      if (!ticket) continue
      if (line.size === 0) {
        this.#clock.clearTimeout(timer)
        this.#lanes.delete(key)
      }
      return ticket
    }
    return undefined
  }

  close(reason: string): void {
    const lanes = [...this.#lanes.values()]
    this.#lanes.clear()
    for (const { timer } of lanes) this.#clock.clearTimeout(timer)
    for (const { line } of lanes) {
      for (const ticket of line.clear()) this.#host.decide(ticket, 'dropped', { reason })
    }
  }

  get delayed(): number {
    let delayed = 0
    for (const { line } of this.#lanes.values()) delayed += line.size
    return delayed
  }

  #arm(key: string | undefined, lane: Lane): void {
    const now = this.#clock.now()
    lane.timer = this.#clock.setTimeout(() => this.#drain(key, lane), this.#windows.of(key, now).waitMs(now))
  }

  #drain(key: string | undefined, lane: Lane): void {
    const now = this.#clock.now()
    const window = this.#windows.of(key, now)
    while (lane.line.size > 0 && window.take(now)) this.#next(lane.line.next()!)
    if (lane.line.size > 0) this.#arm(key, lane)
    else if (this.#lanes.get(key) === lane) this.#lanes.delete(key)
  }
}
