import type { Patch } from 'immer'
import type { TimelineEvent, TimelineEventType, TimelineSource, TimelineState } from './timeline-event.js'

type Payload = Readonly<Record<string, unknown>>

/** Stands in the place of a type where an event has more than that and a payload. */
class Extended {
  readonly type: string
  delta: readonly Patch[] | undefined
  snapshot: TimelineState | undefined
  /** Only where the type does not say it. */
  source: TimelineSource | undefined

  constructor(
    type: string,
    delta: readonly Patch[] | undefined,
    snapshot: TimelineState | undefined,
    source: TimelineSource | undefined,
  ) {
    this.type = type
    this.delta = delta
    this.snapshot = snapshot
    this.source = source
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
  /** Milliseconds since `#origin`, type or `Extended`, and payload of each. Small numbers need no memory of their own. */
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
      log.add(timestamp, source, type, payload, delta, snapshot)
    }
    return log
  }

  add(
    timestamp: number,
    source: TimelineSource,
    type: string,
    payload: Payload,
    delta?: readonly Patch[],
    snapshot?: TimelineState,
  ): void {
    if (this.length === 0) this.#origin = timestamp
    const own = source === sourceOf(type) ? undefined : source
    const isPlain = delta === undefined && snapshot === undefined && own === undefined
    this.#put(timestamp, isPlain ? type : new Extended(type, delta, snapshot, own), payload)
  }

  setSnapshot(index: number, state: TimelineState): void {
    const at = index * WIDTH + 1
    const type = this.#slots[at] as string | Extended
    if (typeof type === 'string') this.#slots[at] = new Extended(type, undefined, state, undefined)
    else type.snapshot = state
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
    for (let at = 1; at < this.length * WIDTH; at += WIDTH) {
      const type = slots[at] as string | Extended
      slots[at + 1] = safe(slots[at + 1] as Payload, typeof type === 'string' ? type : type.type)
    }
  }

  /** Goes through what changed the state, or holds it. */
  *extended(): Iterable<{ readonly index: number; readonly entry: Pick<Extended, 'delta' | 'snapshot'> }> {
    for (let index = 0; index < this.length; index++) {
      const entry = this.#slots[index * WIDTH + 1] as string | Extended
      if (typeof entry !== 'string') yield { index, entry }
    }
  }

  snapshotAt(seq: number): TimelineState | undefined {
    const entry = this.#slots[(seq - this.first) * WIDTH + 1] as string | Extended | undefined
    return typeof entry === 'object' ? entry.snapshot : undefined
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
    const entry = slots[at + 1] as string | Extended
    const type = typeof entry === 'string' ? entry : entry.type
    const event: { -readonly [Field in keyof TimelineEvent]: TimelineEvent[Field] } = {
      runId: this.runId,
      seq: this.first + index,
      timestamp: this.#origin + (slots[at] as number),
      source: (typeof entry === 'string' ? undefined : entry.source) ?? sourceOf(type),
      type: type as TimelineEventType,
      payload: slots[at + 2] as Payload,
    }
    if (typeof entry !== 'string') {
      if (entry.delta) event.delta = entry.delta
      if (entry.snapshot) event.snapshot = entry.snapshot
    }
    return event
  }

  #put(timestamp: number, type: unknown, payload: unknown): void {
    const slots = this.#slots
    const at = this.length++ * WIDTH
    slots[at] = timestamp - this.#origin
    slots[at + 1] = type
    slots[at + 2] = payload
  }
}

/** A table, as it is asked for each event. */
const SOURCES = new Map<string, TimelineSource>()

/** Who puts events of a type on a timeline. */
export function sourceOf(type: string): TimelineSource {
  return SOURCES.get(type) ?? rememberSource(type)
}

function rememberSource(type: string): TimelineSource {
  let source: TimelineSource = 'pipeline'
  if (type.startsWith('state:')) source = 'store'
  else if (type.startsWith('log:')) source = 'logger'
  else if (type.startsWith('service:')) source = 'container'
  // The engine has some thirty types; whoever imports timelines may have any.
  if (SOURCES.size < 100) SOURCES.set(type, source)
  return source
}
