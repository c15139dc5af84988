import mitt, { type EventHandlerMap } from 'mitt'
import type { BusEvent, EventMap } from '../core/bus-event.js'
import { systemClock } from '../core/clock.js'
import { deepFreeze } from '../core/deep-freeze.js'
import { uuidv7 } from '../core/ids.js'
import { SystemError, serializeError } from '../core/system-error.js'
import { DeliveryQueue } from './delivery-queue.js'
import { adoptEnvelope, createEnvelope, isEventType } from './envelope.js'
import type { AnyEventBus, EventBus, EventBusOptions, Unsubscribe } from './event-bus.js'
import { createPayloadCheck } from './payload-check.js'
import { type BusFault, printFault } from './system-events.js'
import { waitForEvent } from './wait-for-event.js'

/**
 * A bus on top of mitt, see {@link EventBus}. mitt keeps who listens to what; the order of events and the isolation
 * of handlers from each other are added here.
 *
 * @throws {SystemError} `VALIDATION` when an option is malformed.
 */
export function createEventBus<Events extends EventMap = Record<string, unknown>>(
  options: EventBusOptions<Events> = {},
): EventBus<Events> {
  const { clock = systemClock, ids = uuidv7, source, freezePayloads = true, maxCascade = 1_000_000 } = options
  const { onError = printFault } = options
  if (source === '') throw new SystemError('VALIDATION', 'Cannot create a bus: "source" must not be empty')
  if (!(maxCascade >= 0)) {
    throw new SystemError(
      'VALIDATION',
      `Cannot create a bus: "maxCascade" must be 0 or more: it is ${maxCascade}`,
    )
  }
  const checkPayload = createPayloadCheck(options.schemas)
  const defaults = { id: ids, now: () => clock.now(), source }

  const handlers: EventHandlerMap<Record<string, BusEvent>> = new Map()
  const emitter = mitt(handlers)
  const queue = new DeliveryQueue(deliver, () => isClosed && release(), maxCascade)
  /** Called when the bus closes; waits, which must then reject, are here. */
  const closers = new Set<() => void>()
  /** Events made and checked by `createEvent`, which `dispatch` need not check again. */
  const ownEvents = new WeakSet<BusEvent>()
  let isClosed = false
  /** The overrun of `maxCascade` that was reported last: every handler it stopped throws the same one. */
  let reportedOverflow: unknown

  function deliver(event: BusEvent): void {
    if (event.type === 'bus:error' && !handlers.has('bus:error')) tell(event.payload as BusFault)
    emitter.emit(event.type, event)
  }

  function make(type: string, payload: unknown, meta: Parameters<AnyEventBus['publish']>[2]): BusEvent {
    const event = createEnvelope(type, checkPayload(type, payload), meta, defaults)
    if (freezePayloads) deepFreeze(event.payload)
    return event
  }

  function adopt(value: unknown): BusEvent {
    const event = adoptEnvelope(value, 'dispatch')
    const payload = checkPayload(event.type, event.payload)
    if (freezePayloads) deepFreeze(payload)
    return payload === event.payload ? event : Object.freeze({ ...event, payload })
  }

  function report(error: unknown, event: BusEvent): void {
    if (queue.isOverflow(error)) {
      if (error === reportedOverflow) return
      reportedOverflow = error
    }
    const fault: BusFault = Object.freeze({ error: serializeError(error), during: 'handler', event })
    // A fault of a fault's own handler goes no further round.
    if (event.type === 'bus:error' || isClosed) return tell(fault)
    const meta = { causationId: event.id, correlationId: event.correlationId }
    queue.add(createEnvelope('bus:error', fault, meta, defaults))
  }

  function tell(fault: BusFault): void {
    try {
      onError(fault)
    } catch {
      // There is nobody left to tell.
    }
  }

  function subscribe(type: string, handler: (event: BusEvent) => unknown): Unsubscribe {
    assertOpen('subscribe to', type)
    if (type !== '*' && !isEventType(type)) {
      throw new SystemError('VALIDATION', 'Cannot subscribe: the type must be a non-empty string')
    }
    const since = queue.added
    let isActive = true
    const receive = (event: BusEvent): void => {
      if (!isActive || queue.delivering <= since) return
      try {
        const result = handler(event)
        if (isObject(result) && 'then' in result) {
          Promise.resolve(result).then(undefined, (error: unknown) => report(error, event))
        }
      } catch (error) {
        report(error, event)
      }
    }
    // mitt gives listeners of '*' the type first.
    const listener = type === '*' ? (_type: unknown, event: BusEvent) => receive(event) : receive
    emitter.on(type as '*', listener as never)
    return () => {
      if (!isActive) return
      isActive = false
      emitter.off(type as '*', listener as never)
      // Types may be made up per request; an empty list must not stay behind for each.
      if (handlers.get(type)?.length === 0) handlers.delete(type)
    }
  }

  function assertOpen(verb: string, type: string): void {
    if (!isClosed) return
    throw new SystemError('UNAVAILABLE', `Cannot ${verb} "${type}": the bus is closed`, { context: { type } })
  }

  function release(): void {
    handlers.clear()
    for (const close of closers) close()
    closers.clear()
  }

  const bus: AnyEventBus = {
    createEvent(type, payload, meta) {
      const event = make(type, payload, meta)
      ownEvents.add(event)
      return event
    },
    publish(type, payload, meta) {
      assertOpen('publish', type)
      const event = make(type, payload, meta)
      queue.admit(type)
      queue.add(event)
      return event
    },
    dispatch(given) {
      const event = ownEvents.has(given) ? given : adopt(given)
      assertOpen('dispatch', event.type)
      queue.admit(event.type)
      queue.add(event)
      return event
    },
    subscribe,
    once(type, handler) {
      const unsubscribe = subscribe(type, (event) => {
        unsubscribe()
        return handler(event)
      })
      return unsubscribe
    },
    waitFor: (type, wait) => waitForEvent({ subscribe, clock, closers }, type, wait),
    hasSubscribers: (type) => handlers.has(type) || handlers.has('*'),
    close() {
      isClosed = true
      if (!queue.isDraining) release()
    },
    async [Symbol.asyncDispose]() {
      await Promise.resolve(bus.close())
    },
  }
  return bus as EventBus<Events>
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}
