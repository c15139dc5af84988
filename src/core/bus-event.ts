/** The map from event type to payload type that makes a bus, a workflow and a builder checked by the compiler. */
export type EventMap = object

/** The event types of a map, as strings. */
export type EventType<Events extends EventMap> = keyof Events & string

/** One event on a bus: an immutable envelope around a payload. */
export interface BusEvent<Type extends string = string, Payload = unknown> {
  /** UUIDv7, unless the publisher gave another. The same id again is the same event. */
  readonly id: string
  readonly type: Type
  readonly payload: Payload
  /** When it was published, epoch milliseconds. */
  readonly timestamp: number
  /** Who published it: an application, a tab, a service. */
  readonly source?: string
  /** What it belongs to: carried unchanged along a chain of events. */
  readonly correlationId?: string
  /** The id of the event that caused it. */
  readonly causationId?: string
  /** The entity it is about; a hint for partitioning, not read by the modes. */
  readonly key?: string
}

/** The event of type `Type` in the map `Events`. */
export type EventOf<Events extends EventMap, Type extends EventType<Events> = EventType<Events>> = {
  [Each in Type]: BusEvent<Each, Events[Each]>
}[Type]

/** What a publisher may say about an event besides type and payload. */
export type EventMeta = Partial<Omit<BusEvent, 'type' | 'payload'>>
