import type { AnyEventBus, Unsubscribe } from '../../bus/event-bus.js'
import type { BusEvent } from '../../core/bus-event.js'
import { readPath } from '../../pipeline/state-path.js'
import type { StateObject } from '../../state/change.js'
import { wantedValue } from './conditions.js'
import type { Watch } from './watch.js'

/** What the index must know of an inbox to find it. */
export interface InboxPlace {
  readonly watches: Iterable<Watch>
  /** Whether the state stands still, so that a value of it can be looked up by. */
  readonly isParked: boolean
  readonly state: StateObject
  receive(event: BusEvent): void
}

/** Inboxes that want events of one type. */
interface TypeEntry {
  readonly unsubscribe: Unsubscribe
  /** Those that must see each event. */
  readonly all: Set<InboxPlace>
  /** Those that want only events with one value in a field: field → value → inboxes, mostly one. */
  readonly byField: Map<string, Map<unknown, InboxPlace | Set<InboxPlace>>>
}

/** Where an inbox stands, so that it can be taken out again. */
type Shelf = { readonly type: string; readonly field?: string; readonly value?: unknown }

/**
 * Finds the inboxes an event may concern: by its type and, where every watch of an inbox for that type asks for
 * equality with a known value, by that value. One event among ten thousand parked runs costs what it costs among ten.
 */
export class WatchIndex {
  readonly #bus: Pick<AnyEventBus, 'subscribe'>
  readonly #types = new Map<string, TypeEntry>()
  readonly #shelves = new Map<InboxPlace, readonly Shelf[]>()

  constructor(bus: Pick<AnyEventBus, 'subscribe'>) {
    this.#bus = bus
  }

  /** Puts an inbox where its watches say, and takes it from where it stood. */
  place(inbox: InboxPlace): void {
    const before = this.#shelves.get(inbox) ?? []
    const shelves = shelvesOf(inbox)
    // First in, then out, so that a subscription that is still wanted is not given up in between.
    for (const shelf of shelves) this.#put(inbox, shelf)
    for (const shelf of before) if (!shelves.some((each) => isSame(each, shelf))) this.#take(inbox, shelf)
    if (shelves.length > 0) this.#shelves.set(inbox, shelves)
    else this.#shelves.delete(inbox)
  }

  close(): void {
    for (const { unsubscribe } of this.#types.values()) unsubscribe()
    this.#types.clear()
    this.#shelves.clear()
  }

  #deliver(event: BusEvent): void {
    const entry = this.#types.get(event.type)
    if (!entry) return
    const found = new Set(entry.all)
    for (const [field, byValue] of entry.byField) {
      const value = readPath(event.payload, field)
      if (value.isPresent) for (const inbox of inboxesOf(byValue.get(value.value))) found.add(inbox)
    }
    for (const inbox of found) inbox.receive(event)
  }

  #put(inbox: InboxPlace, { type, field, value }: Shelf): void {
    let entry = this.#types.get(type)
    if (!entry) {
      const unsubscribe = this.#bus.subscribe(type, (event) => this.#deliver(event))
      this.#types.set(type, (entry = { unsubscribe, all: new Set(), byField: new Map() }))
    }
    if (field === undefined) {
      entry.all.add(inbox)
      return
    }
    let byValue = entry.byField.get(field)
    if (!byValue) entry.byField.set(field, (byValue = new Map<unknown, InboxPlace | Set<InboxPlace>>()))
    const inboxes = byValue.get(value)
    if (inboxes instanceof Set) inboxes.add(inbox)
    else byValue.set(value, inboxes && inboxes !== inbox ? new Set([inboxes, inbox]) : inbox)
  }

  #take(inbox: InboxPlace, { type, field, value }: Shelf): void {
    const entry = this.#types.get(type)
    if (!entry) return
    if (field === undefined) entry.all.delete(inbox)
    else {
      const byValue = entry.byField.get(field)
      const inboxes = byValue?.get(value)
      if (inboxes instanceof Set) inboxes.delete(inbox)
      if (inboxes === inbox || (inboxes instanceof Set && inboxes.size === 0)) byValue!.delete(value)
      if (byValue?.size === 0) entry.byField.delete(field)
    }
    if (entry.all.size > 0 || entry.byField.size > 0) return
    entry.unsubscribe()
    this.#types.delete(type)
  }
}

function shelvesOf(inbox: InboxPlace): readonly Shelf[] {
  let shelves: Shelf[] = []
  for (const watch of inbox.watches) {
    const equality = equalityOf(watch, inbox)
    for (const type of watch.types) {
      const shelf = equality ? { type, ...equality } : { type }
      // Where every event of a type is wanted, none is looked up by a value.
      const isCovered = shelves.some((each) => isSame(each, shelf) || isSame(each, { type }))
      if (isCovered) continue
      if (!equality) shelves = shelves.filter((each) => each.type !== type)
      shelves.push(shelf)
    }
  }
  return shelves
}

/** The first equality of a watch whose value is known and can be looked up by. */
function equalityOf({ descriptor }: Watch, { isParked, state }: InboxPlace) {
  for (const condition of descriptor.conditions ?? []) {
    if (condition.op !== '==' || (condition.valueFrom !== undefined && !isParked)) continue
    const wanted = wantedValue(condition, state)
    const isScalar = wanted.isPresent && (typeof wanted.value !== 'object' || wanted.value === null)
    if (isScalar && !Number.isNaN(wanted.value)) return { field: condition.field, value: wanted.value }
  }
  return undefined
}

function inboxesOf(inboxes: InboxPlace | Set<InboxPlace> | undefined): Iterable<InboxPlace> {
  if (inboxes instanceof Set) return inboxes
  return inboxes ? [inboxes] : []
}

function isSame(one: Shelf, other: Shelf): boolean {
  // As a map of values sees it, for which 0 and -0 are one; NaN is never looked up by.
  return one.type === other.type && one.field === other.field && one.value === other.value
}
