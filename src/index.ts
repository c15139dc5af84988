export { type Clock, systemClock } from './core/clock.js'
export { type Duration, toMs } from './core/duration.js'
export { type IdSource } from './core/ids.js'
export {
  ERROR_CODES,
  type ErrorCode,
  type ErrorContext,
  type Issue,
  SystemError,
  type SystemErrorOptions,
  type SerializedError,
  isSystemError,
  reviveError,
  serializeError,
} from './core/system-error.js'

// Events and the bus
export type { BusEvent, EventMap, EventMeta, EventOf, EventType } from './core/bus-event.js'
export type { StandardSchema } from './core/standard-schema.js'
export { createEventBus } from './bus/create-event-bus.js'
export type {
  AnyEventBus,
  Delivered,
  EventBus,
  EventBusOptions,
  EventSchemas,
  Subscribable,
  Unsubscribe,
  WaitForOptions,
} from './bus/event-bus.js'
export type { BusFault, SystemEvents, WithSystemEvents } from './bus/system-events.js'
export {
  type CloudEvent,
  type FromCloudEventOptions,
  fromCloudEvent,
  toCloudEvent,
} from './bus/cloud-event.js'
export type { BridgeConnection, BridgeOptions, BusBridge } from './bus/bus-bridge.js'
export { type BroadcastChannelBridgeOptions, broadcastChannelBridge } from './bus/broadcast-channel-bridge.js'
