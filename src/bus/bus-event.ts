export type { BusEvent, EventMap, EventMeta, EventOf, EventType } from '../core/bus-event.js'
