import type { Patch } from 'immer'
import type { TimelineEvent, TimelineEventType, TimelineSource, TimelineState } from './timeline-event.js'

type Payload = Readonly<Record<string, unknown>>

/** Stands in the place of a type where an event has more than that and a payload. */
interface Entry {
  readonly type: string
  readonly delta: readonly Patch[] | undefined
  readonly snapshot: TimelineState | undefined
  /** Only where the type does not say it. */
  readonly source: TimelineSource | undefined
}

class Extended implements Entry {
  readonly type: string
  readonly delta: readonly Patch[] | undefined
  readonly snapshot: TimelineState | undefined
  readonly source: TimelineSource | undefined

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

/** A field of the state that was written, as most commits do. Its patch alone would be five objects to keep, and to copy. */
class FieldWrite implements Entry {
  readonly type: string
  readonly op: Patch['op']
  readonly field: string | number
  readonly value: unknown

  constructor(type: string, { op, path, value }: Patch) {
    this.type = type
    this.op = op
    this.field = path[0]!
    this.value = value
  }

  get delta(): readonly Patch[] {
    return [{ op: this.op, path: [this.field], value: this.value }]
  }
  get snapshot(): undefined {
    return undefined
  }
  get source(): undefined {
    return undefined
  }
}

function toEntry(
  type: string,
  delta: readonly Patch[] | undefined,
  snapshot: TimelineState | undefined,
  source: TimelineSource | undefined,
): string | Entry {
  const hasMore = snapshot !== undefined || source !== undefined
  if (!hasMore && delta === undefined) return type
  if (hasMore || delta?.length !== 1) return new Extended(type, delta, snapshot, source)
  const patch = delta[0]!
  const isFieldWrite = patch.path.length === 1 && patch.op !== 'remove'
  return isFieldWrite ? new FieldWrite(type, patch) : new Extended(type, delta, snapshot, source)
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
  /** Milliseconds since `#origin`, type or `Entry`, and payload of each. Small numbers need no memory of their own. */
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
    this.#put(timestamp, toEntry(type, delta, snapshot, own), payload)
  }

  setSnapshot(index: number, snapshot: TimelineState): void {
    this.setChange(index, this.#entry(index)?.delta, snapshot)
  }

  /** Puts another change and state in the place of those that an event has. */
  setChange(index: number, delta: readonly Patch[] | undefined, snapshot: TimelineState | undefined): void {
    const source = this.#entry(index)?.source
    this.#slots[index * WIDTH + 1] = toEntry(this.#type(index), delta, snapshot, source)
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
    for (let index = 0; index < this.length; index++) {
      const at = index * WIDTH + 2
      slots[at] = safe(slots[at] as Payload, this.#type(index))
    }
  }

  /** Goes through what changed the state, or holds it. */
  *changes(): Iterable<{ readonly index: number } & Pick<Entry, 'delta' | 'snapshot'>> {
    for (let index = 0; index < this.length; index++) {
      const entry = this.#entry(index)
      if (entry) yield { index, delta: entry.delta, snapshot: entry.snapshot }
    }
  }

  snapshotAt(seq: number): TimelineState | undefined {
    return this.#entry(seq - this.first)?.snapshot
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
    const type = this.#type(index)
    const entry = this.#entry(index)
    const delta = entry?.delta
    const event: { -readonly [Field in keyof TimelineEvent]: TimelineEvent[Field] } = {
      runId: this.runId,
      seq: this.first + index,
      timestamp: this.#origin + (slots[index * WIDTH] as number),
      source: entry?.source ?? sourceOf(type),
      type: type as TimelineEventType,
      payload: slots[index * WIDTH + 2] as Payload,
    }
    if (delta) event.delta = delta
    if (entry?.snapshot) event.snapshot = entry.snapshot
    return event
  }

  #type(index: number): string {
    const entry = this.#slots[index * WIDTH + 1] as string | Entry
    return typeof entry === 'string' ? entry : entry.type
  }

  /** Absent where an event is a type and a payload. */
  #entry(index: number): Entry | undefined {
    const entry = this.#slots[index * WIDTH + 1] as string | Entry | undefined
    return typeof entry === 'string' ? undefined : entry
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
