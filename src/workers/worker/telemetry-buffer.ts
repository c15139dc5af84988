import type { Clock, TimerHandle } from '../../core/clock.js'
import type { TelemetryBatch } from '../messages/protocol.js'
import type { RunnerMeter } from './runner-meter.js'

export interface TelemetryBufferOptions {
  readonly clock: Clock
  readonly maxItems: number
  readonly maxDelayMs: number
  readonly send: (batch: TelemetryBatch) => void
}

/**
 * Puts the telemetry of one worker's runners together: a batch leaves when it has `maxItems`, or `maxDelayMs` after its
 * first item. An item is one iteration; a batch carries the newest numbers of each runner that is in it, which say
 * what all its items would have said.
 */
export class TelemetryBuffer {
  readonly #options: TelemetryBufferOptions
  readonly #meters = new Set<RunnerMeter>()
  #items = 0
  #seq = 0
  /** When the first item came of those that are here. */
  #since = 0
  #timer: TimerHandle

  constructor(options: TelemetryBufferOptions) {
    this.#options = options
  }

  /** One more item. */
  post(meter: RunnerMeter): void {
    this.#items++
    this.touch(meter)
    if (this.#items >= this.#options.maxItems) this.#send()
  }

  /** The numbers have changed without an iteration: they go with the next batch. */
  touch(meter: RunnerMeter): void {
    const { clock, maxDelayMs } = this.#options
    if (this.#meters.size === 0) this.#since = clock.now()
    this.#meters.add(meter)
    this.#timer ??= clock.setTimeout(() => this.#onTimer(), maxDelayMs)
  }

  flush(): void {
    this.#options.clock.clearTimeout(this.#timer)
    this.#timer = undefined
    this.#send()
  }

  /** The timer stays as it is when a batch is full: to clear it and set one for the next takes longer than to look again here. */
  #onTimer(): void {
    const { clock, maxDelayMs } = this.#options
    this.#timer = undefined
    if (this.#meters.size === 0) return
    const left = this.#since + maxDelayMs - clock.now()
    if (left > 0) this.#timer = clock.setTimeout(() => this.#onTimer(), left)
    else this.#send()
  }

  #send(): void {
    const { clock, send } = this.#options
    if (this.#meters.size === 0) return
    const now = clock.now()
    const snapshots = Array.from(this.#meters, (meter) => meter.takeSnapshot(now))
    const items = this.#items
    this.#meters.clear()
    this.#items = 0
    send({ seq: ++this.#seq, items, snapshots })
  }

  close(): void {
    this.#options.clock.clearTimeout(this.#timer)
    this.#meters.clear()
  }
}
