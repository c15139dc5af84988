import type { Patch } from 'immer'
import type { TimelineEvent, TimelineEventType, TimelineSource, TimelineState } from './timeline-event.js'

type Payload = Readonly<Record<string, unknown>>

/** What only some events have. */
export interface EventExtras {
  readonly index: number
  delta?: readonly Patch[]
  snapshot?: TimelineState
}

/** How many places of `#slots` an event takes. */
const WIDTH = 4

/**
 * Events of one run that follow each other, in columns: an event that says what many others say costs four references,
 * and becomes an object when somebody reads it. Only ever grows at its end, so that a part of it stays what it was.
 */
export class EventLog {
  readonly runId: string
  /** The `seq` of the first event. */
  first: number
  /** Milliseconds since `#origin`, source, type and payload of each. Small numbers need no memory of their own. */
  readonly #slots: unknown[] = []
  /** In ascending order. */
  readonly extras: EventExtras[] = []
  #origin = 0

  constructor(runId: string, first: number) {
    this.runId = runId
    this.first = first
  }

  static of(runId: string, events: readonly TimelineEvent[]): EventLog {
    const log = new EventLog(runId, events[0]?.seq ?? 1)
    for (const { timestamp, source, type, payload, delta, snapshot } of events) {
      log.add(timestamp, source, type, payload)
      if (delta) log.extra().delta = delta
      if (snapshot) log.extra().snapshot = snapshot
    }
    return log
  }

  get length(): number {
    return this.#slots.length / WIDTH
  }

  add(timestamp: number, source: TimelineSource, type: string, payload: Payload): void {
    const slots = this.#slots
    if (slots.length === 0) this.#origin = timestamp
    slots.push(timestamp - this.#origin, source, type, payload)
  }

  /** What the last event has beyond others. */
  extra(): EventExtras {
    const index = this.length - 1
    const last = this.extras.at(-1)
    if (last?.index === index) return last
    const extras: EventExtras = { index }
    this.extras.push(extras)
    return extras
  }

  /** What the first event has beyond others. */
  firstExtra(): EventExtras {
    const first = this.extras[0]
    if (first?.index === 0) return first
    const extras: EventExtras = { index: 0 }
    this.extras.unshift(extras)
    return extras
  }

  /** Adds what `later` has from its event `skip` on. */
  append(later: EventLog, skip = 0): void {
    const slots = later.#slots
    const shift = this.length - skip
    for (let at = skip * WIDTH; at < slots.length; at += WIDTH) {
      const timestamp = later.#origin + (slots[at] as number)
      this.add(timestamp, slots[at + 1] as TimelineSource, slots[at + 2] as string, slots[at + 3] as Payload)
    }
    for (const extras of later.extras) {
      if (extras.index >= skip) this.extras.push({ ...extras, index: extras.index + shift })
    }
  }

  /** Puts what `safe` makes of it in the place of each payload. */
  securePayloads(safe: (payload: Payload, source: TimelineSource) => Payload): void {
    const slots = this.#slots
    for (let at = 0; at < slots.length; at += WIDTH) {
      const payload = slots[at + 3] as Payload
      const secured = safe(payload, slots[at + 1] as TimelineSource)
      if (secured !== payload) slots[at + 3] = secured
    }
  }

  snapshotAt(seq: number): TimelineState | undefined {
    const index = seq - this.first
    return this.extras.find((extras) => extras.index === index)?.snapshot
  }

  /** The events from `from` to `to`, both included. */
  toEvents(from = this.first, to = Infinity): TimelineEvent[] {
    const { runId, first, extras } = this
    const slots = this.#slots
    const start = Math.max(0, from - first)
    const end = Math.min(this.length, to - first + 1)
    const events: TimelineEvent[] = []
    let next = extras.findIndex((one) => one.index >= start)
    for (let index = start; index < end; index++) {
      const at = index * WIDTH
      const event: { -readonly [Field in keyof TimelineEvent]: TimelineEvent[Field] } = {
        runId,
        seq: first + index,
        timestamp: this.#origin + (slots[at] as number),
        source: slots[at + 1] as TimelineSource,
        type: slots[at + 2] as TimelineEventType,
        payload: slots[at + 3] as Payload,
      }
      const extra = extras[next]
      if (extra?.index === index) {
        next++
        if (extra.delta) event.delta = extra.delta
        if (extra.snapshot) event.snapshot = extra.snapshot
      }
      events.push(event)
    }
    return events
  }
}
