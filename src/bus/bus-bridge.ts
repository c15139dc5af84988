import type { AnyEventBus } from './event-bus.js'

/**
 * Carries events between buses that are in different tabs, threads, processes or on different machines: one of the
 * three seams of Busline. Each place makes a bridge of the same kind and name and connects its bus; there is no
 * middle. What every bridge keeps, whatever goes on at the ends:
 *
 * - An event that is published on one bus is dispatched on every other connected bus, as the same envelope, once;
 *   events of one bus arrive in the order of publishing.
 * - No echo: it does not come back to where it was published, over however many bridges in a ring.
 * - `bus:error` stays where it is.
 * - Nothing is thrown into a publisher or into the host. What cannot be carried (a payload that cannot be copied, a
 *   malformed message, a payload that the schema over there refuses) is reported as `bus:error` during `'bridge'`, on
 *   the bus at which it was noticed.
 *
 * A bridge carries what is published while it is connected. It is no store: a bus that was not there missed it.
 * The suite `bridgeConformance` in `busline/testing` holds an implementation to all of this.
 */
export interface BusBridge {
  /**
   * Begins to carry events to and from `bus`; resolves when they flow.
   *
   * @throws {SystemError} `UNAVAILABLE` when what carries the events cannot be reached.
   */
  connect(bus: AnyEventBus, options?: BridgeOptions): Promise<BridgeConnection>
}

export interface BridgeOptions {
  /**
   * The types to carry, in both directions: others are neither sent nor, when another place sends them, taken.
   * @default every type but `bus:error`
   */
  readonly types?: readonly string[]
}

/** One bus on a bridge, until it is closed. Closing twice is allowed. */
export interface BridgeConnection {
  /** Stops carrying; resolves when what was published before has been handed over. The bus stays open. */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}
