import type { BusEvent, EventMap, EventMeta, EventOf, EventType } from '../core/bus-event.js'
import type { Clock } from '../core/clock.js'
import type { Duration } from '../core/duration.js'
import type { IdSource } from '../core/ids.js'
import type { StandardSchema } from '../core/standard-schema.js'
import type { BusFault, WithSystemEvents } from './system-events.js'

/** Ends a subscription, at once: not even an event that is being delivered reaches the handler any more. */
export type Unsubscribe = () => void

export interface WaitForOptions<Event = BusEvent> {
  /** Only an event for which this is true ends the wait. What it throws rejects the wait. @default every event */
  readonly when?: (event: Event) => boolean
  /** How long to wait before the promise rejects with `TIMEOUT`. @default Infinity */
  readonly timeout?: Duration
  /** Gives the wait up: the promise rejects with `ABORTED`. */
  readonly signal?: AbortSignal
}

/**
 * A bus of any events: what parts that work on every bus ask for. An `EventBus<MyEvents>` is one. Use
 * {@link EventBus} in your own code, where the compiler can check types and payloads.
 */
export interface AnyEventBus {
  createEvent(type: string, payload: unknown, meta?: EventMeta): BusEvent
  publish(type: string, payload: unknown, meta?: EventMeta): BusEvent
  dispatch(event: BusEvent): BusEvent
  subscribe(type: string, handler: (event: BusEvent) => unknown): Unsubscribe
  once(type: string, handler: (event: BusEvent) => unknown): Unsubscribe
  waitFor(type: string, options?: WaitForOptions): Promise<BusEvent>
  hasSubscribers(type: string): boolean
  close(): void
  [Symbol.asyncDispose](): Promise<void>
}

/** A type that can be subscribed to: one of the map, one of Busline's own, or `'*'` for all. */
export type Subscribable<Events extends EventMap> = EventType<WithSystemEvents<Events>> | '*'

/** The event that a subscriber to `Selected` sees; the union of all for `'*'`. */
export type Delivered<Events extends EventMap, Selected extends Subscribable<Events>> = EventOf<
  WithSystemEvents<Events>,
  '*' extends Selected ? EventType<WithSystemEvents<Events>> : Selected & EventType<WithSystemEvents<Events>>
>

/**
 * In-process publish/subscribe. What it keeps, whatever handlers do:
 *
 * - B1 A handler sees exactly the events that were published after it subscribed, until it unsubscribes.
 * - B2 Events are delivered one after the other, in the order of publishing, over the whole bus. What a handler
 *   publishes is delivered after the present event has reached everybody.
 * - B3 What a handler throws or rejects with reaches neither the publisher nor another handler. It is reported once.
 * - B4 An event does not change: envelope and payload are frozen.
 */
export interface EventBus<Events extends EventMap = Record<string, unknown>> extends AnyEventBus {
  /**
   * Makes the event that `publish` would, checked and frozen, and delivers it to nobody: for `dispatch` later on, when
   * whatever it tells of has really happened. Allowed on a closed bus.
   *
   * @throws {SystemError} `VALIDATION` like `publish`.
   */
  createEvent<Type extends EventType<WithSystemEvents<Events>>>(
    type: Type,
    payload: WithSystemEvents<Events>[Type],
    meta?: EventMeta,
  ): EventOf<WithSystemEvents<Events>, Type>
  /**
   * Publishes an event and returns its envelope. Outside of handlers, every handler has been called when it returns.
   *
   * @throws {SystemError} `VALIDATION` when the payload does not fit the schema of its type, or `type` or `meta` is malformed.
   * @throws {SystemError} `LOOP_LIMIT` when handlers have published more than `maxCascade` events without a pause.
   * @throws {SystemError} `UNAVAILABLE` when the bus is closed.
   */
  publish<Type extends EventType<WithSystemEvents<Events>>>(
    type: Type,
    payload: WithSystemEvents<Events>[Type],
    meta?: EventMeta,
  ): EventOf<WithSystemEvents<Events>, Type>
  /**
   * Delivers an event under the id it has, and returns what was delivered: the object itself when this bus made it by
   * `createEvent`; otherwise (it was published elsewhere, or was stored) a checked and frozen copy of its envelope,
   * with the payload that the schema of its type makes of it. So a schema must accept what it has made itself.
   *
   * @throws {SystemError} `VALIDATION` when it is not an event; otherwise like `publish`.
   */
  dispatch(event: BusEvent): BusEvent
  /** Calls `handler` with each event of the type, or each event at all for `'*'`, after the handlers of its own type. */
  subscribe<Selected extends Subscribable<Events>>(
    type: Selected,
    handler: (event: Delivered<Events, Selected>) => unknown,
  ): Unsubscribe
  /** Like `subscribe`, for one event only. */
  once<Selected extends Subscribable<Events>>(
    type: Selected,
    handler: (event: Delivered<Events, Selected>) => unknown,
  ): Unsubscribe
  /**
   * Resolves to the next event of the type. Rejects with `TIMEOUT`, or with `ABORTED` when the signal fires or the bus
   * is closed.
   */
  waitFor<Selected extends Subscribable<Events>>(
    type: Selected,
    options?: WaitForOptions<Delivered<Events, Selected>>,
  ): Promise<Delivered<Events, Selected>>
  /** Whether anybody would hear an event of this type. Cheap: ask before building an expensive payload. */
  hasSubscribers(type: Subscribable<Events>): boolean
  /**
   * Accepts nothing more; what was published is still delivered, then every subscription ends and every pending
   * `waitFor` rejects with `ABORTED`. Closing twice is allowed.
   */
  close(): void
}

/** Schemas by event type. */
export type EventSchemas<Events extends EventMap> = {
  readonly [Type in keyof Events]?: StandardSchema<unknown, Events[Type]>
}

export interface EventBusOptions<Events extends EventMap = Record<string, unknown>> {
  /**
   * A Standard Schema (zod, valibot, arktype, …) per event type. A payload that does not fit is refused, and what the
   * schema makes of it becomes the payload. Must answer synchronously. @default no type has one
   */
  readonly schemas?: EventSchemas<Events>
  /** The `source` of events that are published without one. Not empty. @default none */
  readonly source?: string
  /**
   * Whether the plain objects and arrays of a payload are frozen, in place and all the way down. It costs about 0.3 µs
   * per object; without it, handlers that write to a payload change it for all others. @default true
   */
  readonly freezePayloads?: boolean
  /**
   * How many events handlers may publish, directly or through what they set off, before the outermost `publish`
   * returns. One more is refused with `LOOP_LIMIT`, so that handlers which keep each other going come to an end.
   * Must be at least 0; `Infinity` lifts the bound. @default 1_000_000
   */
  readonly maxCascade?: number
  /** Told of each fault that no subscriber of `bus:error` can take. What it throws is ignored. @default prints to `console.error` */
  readonly onError?: (fault: BusFault) => void
  /** @default the host's */
  readonly clock?: Clock
  /** @default UUIDv7 */
  readonly ids?: IdSource
}
