import type { Patch } from 'immer'
import type { TimelineEvent, TimelineEventType, TimelineSource, TimelineState } from './timeline-event.js'

type Payload = Readonly<Record<string, unknown>>

/** Stands in the place of a payload where an event has more than that. */
class Extended {
  payload: Payload
  delta: readonly Patch[] | undefined
  snapshot: TimelineState | undefined
  /** Only where the type does not say it. */
  source: TimelineSource | undefined

  readonly #isExtended = true

  constructor(payload: Payload) {
    this.payload = payload
  }

  /** Asked in a way that no payload can answer, or refuse to. */
  static is(entry: object): entry is Extended {
    return #isExtended in entry
  }
}

/** How many places of `#slots` an event takes. */
const WIDTH = 3

/**
 * Events of one run that follow each other, in columns: an event that says what many others say costs three references,
 * and becomes an object when somebody reads it. It only grows, and at its end; `first` counts until it is shared.
 */
export class EventLog {
  readonly runId: string
  /** The `seq` of the first event. */
  first: number
  length = 0
  /** Milliseconds since `#origin`, type and payload of each. Small numbers need no memory of their own. */
  readonly #slots: unknown[]
  #origin = 0

  /** @param capacity For how many events to make room at once. */
  constructor(runId: string, first: number, capacity = 0) {
    this.runId = runId
    this.first = first
    this.#slots = capacity === 0 ? [] : new Array<unknown>(capacity * WIDTH)
  }

  static of(runId: string, events: readonly TimelineEvent[]): EventLog {
    const log = new EventLog(runId, events[0]?.seq ?? 1, events.length)
    for (const { timestamp, source, type, payload, delta, snapshot } of events) {
      log.add(timestamp, source, type, payload)
      if (delta) log.setDelta(delta)
      if (snapshot) log.setSnapshot(log.length - 1, snapshot)
    }
    return log
  }

  add(timestamp: number, source: TimelineSource, type: string, payload: Payload): void {
    if (this.length === 0) this.#origin = timestamp
    this.#put(timestamp, type, payload)
    if (source !== sourceOf(type)) this.#extended(this.length - 1).source = source
  }

  /** Of the last event. */
  setDelta(delta: readonly Patch[]): void {
    this.#extended(this.length - 1).delta = delta
  }

  setSnapshot(index: number, state: TimelineState): void {
    this.#extended(index).snapshot = state
  }

  /** Adds what `later` has from its event `skip` on. */
  append(later: EventLog, skip = 0): void {
    if (this.length === 0) this.#origin = later.#origin
    const slots = later.#slots
    for (let at = skip * WIDTH; at < later.length * WIDTH; at += WIDTH) {
      this.#put(later.#origin + (slots[at] as number), slots[at + 1], slots[at + 2])
    }
  }

  /** Puts what `safe` makes of it in the place of each payload. */
  mapPayloads(safe: (payload: Payload, type: string) => Payload): void {
    const slots = this.#slots
    for (let at = 2; at < this.length * WIDTH; at += WIDTH) {
      const entry = slots[at] as Payload | Extended
      const type = slots[at - 1] as string
      if (Extended.is(entry)) entry.payload = safe(entry.payload, type)
      else slots[at] = safe(entry, type)
    }
  }

  /** Goes through what changed the state, or holds it. */
  *extended(): Iterable<{ readonly index: number; readonly entry: Omit<Extended, 'payload' | 'source'> }> {
    for (let index = 0; index < this.length; index++) {
      const entry = this.#slots[index * WIDTH + 2] as Payload | Extended
      if (Extended.is(entry)) yield { index, entry }
    }
  }

  snapshotAt(seq: number): TimelineState | undefined {
    const entry = this.#slots[(seq - this.first) * WIDTH + 2] as Payload | Extended | undefined
    return entry && Extended.is(entry) ? entry.snapshot : undefined
  }

  /** The events from `from` to `to`, both included. */
  toEvents(from = this.first, to = Infinity): TimelineEvent[] {
    const events: TimelineEvent[] = []
    const end = Math.min(this.length, to - this.first + 1)
    for (let index = Math.max(0, from - this.first); index < end; index++) events.push(this.#event(index))
    return events
  }

  #event(index: number): TimelineEvent {
    const slots = this.#slots
    const at = index * WIDTH
    const type = slots[at + 1] as TimelineEventType
    const entry = slots[at + 2] as Payload | Extended
    const extended = Extended.is(entry) ? entry : undefined
    return {
      runId: this.runId,
      seq: this.first + index,
      timestamp: this.#origin + (slots[at] as number),
      source: extended?.source ?? sourceOf(type),
      type,
      payload: extended?.payload ?? (entry as Payload),
      ...(extended?.delta ? { delta: extended.delta } : {}),
      ...(extended?.snapshot ? { snapshot: extended.snapshot } : {}),
    }
  }

  #put(timestamp: number, type: unknown, entry: unknown): void {
    const slots = this.#slots
    const at = this.length++ * WIDTH
    slots[at] = timestamp - this.#origin
    slots[at + 1] = type
    slots[at + 2] = entry
  }

  #extended(index: number): Extended {
    const at = index * WIDTH + 2
    const entry = this.#slots[at] as Payload | Extended
    if (Extended.is(entry)) return entry
    const extended = new Extended(entry)
    this.#slots[at] = extended
    return extended
  }
}

/** Who puts events of a type on a timeline. */
function sourceOf(type: string): TimelineSource {
  if (type.startsWith('state:')) return 'store'
  if (type.startsWith('log:')) return 'logger'
  return type.startsWith('service:') ? 'container' : 'pipeline'
}
