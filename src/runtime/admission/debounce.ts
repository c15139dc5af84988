import type { Clock, TimerHandle } from '../../core/clock.js'
import { type Duration, toMs } from '../../core/duration.js'
import type { Ticket } from '../modes/mode.js'
import { supersededBy } from '../modes/slot-mode.js'
import type { AdmissionHost, Gate } from './gate.js'

export interface DebounceOptions {
  /** How long no further event must come before the newest one goes on. */
  readonly wait: Duration
  /** How long the first event of a burst may be held up by later ones. @default Infinity */
  readonly maxWait?: Duration
}

interface Burst {
  newest: Ticket
  readonly since: number
  timer: TimerHandle
}

/** Of a burst of events lets only the newest one through, when it is over; per key. Keeps one ticket per burst. */
export class Debounce implements Gate {
  readonly #waitMs: number
  readonly #maxWaitMs: number
  readonly #bursts = new Map<string | undefined, Burst>()
  readonly #next: (ticket: Ticket) => void
  readonly #host: AdmissionHost
  readonly #clock: Clock

  constructor(
    { wait, maxWait = Infinity }: DebounceOptions,
    next: (ticket: Ticket) => void,
    host: AdmissionHost,
    clock: Clock,
  ) {
    this.#waitMs = toMs(wait)
    this.#maxWaitMs = toMs(maxWait)
    this.#next = next
    this.#host = host
    this.#clock = clock
  }

  admit(ticket: Ticket): void {
    const { key } = ticket
    const now = this.#clock.now()
    let burst = this.#bursts.get(key)
    const earlier = burst?.newest
    if (burst) {
      burst.newest = ticket
      this.#clock.clearTimeout(burst.timer)
    } else {
      burst = { newest: ticket, since: now, timer: undefined }
      this.#bursts.set(key, burst)
    }
    const leftMs = burst.since + this.#maxWaitMs - now
    burst.timer = this.#clock.setTimeout(() => this.#finish(key), Math.min(this.#waitMs, Math.max(0, leftMs)))
    this.#host.decide(ticket, 'delayed')
    if (earlier) this.#host.decide(earlier, 'superseded', { reason: supersededBy(ticket) })
  }

  withdraw(runId: string): Ticket | undefined {
    for (const [key, { newest, timer }] of this.#bursts) {
      if (newest.runId !== runId) continue
      this.#clock.clearTimeout(timer)
      this.#bursts.delete(key)
      return newest
    }
    return undefined
  }

  close(reason: string): void {
    const bursts = [...this.#bursts.values()]
    this.#bursts.clear()
    for (const { timer } of bursts) this.#clock.clearTimeout(timer)
    for (const { newest } of bursts) this.#host.decide(newest, 'dropped', { reason })
  }

  get delayed(): number {
    return this.#bursts.size
  }

  #finish(key: string | undefined): void {
    const burst = this.#bursts.get(key)
    if (!burst) return
    this.#bursts.delete(key)
    this.#next(burst.newest)
  }
}
