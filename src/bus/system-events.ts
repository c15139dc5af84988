import type { BusEvent, EventMap } from '../core/bus-event.js'
import type { SerializedError } from '../core/system-error.js'

/** What went wrong where nobody could be told by an exception. Plain data, so that it can be stored and sent. */
export interface BusFault {
  /** What was thrown, with its stack and causes. */
  readonly error: SerializedError
  /**
   * `handler`: a subscriber threw or rejected. `bridge`: an event could not be carried to or from another bus.
   * `runtime`: a hook failed, or something else that changes no outcome; `what` says what.
   */
  readonly during: 'handler' | 'bridge' | 'runtime'
  readonly what?: string
  /** The event that was being delivered; absent when what a bridge received was not an event. */
  readonly event?: BusEvent
}

/**
 * The events that Busline itself publishes and listens to, known to every bus beside its own map. Parts above the bus
 * add theirs by declaration merging: `declare module '../bus/system-events.js' { interface SystemEvents { … } }`.
 */
export interface SystemEvents {
  /** A handler threw or rejected, or a bridge could not carry an event. */
  'bus:error': BusFault
}

/** What becomes of a fault when nobody subscribed to `bus:error` and the bus has no `onError`. */
export function printFault({ error, during, event }: BusFault): void {
  const subject = event ? ` of event "${event.type}"` : ''
  console.error(`Busline: a ${during}${subject} failed: ${error.stack ?? error.message}`)
}

/** The map `Events` together with {@link SystemEvents}: what one can publish and subscribe to on a bus. */
export type WithSystemEvents<Events extends EventMap> = Events & SystemEvents
