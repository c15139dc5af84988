import mitt, { type EventHandlerMap } from 'mitt'
import type { BusEvent, EventMap } from '../core/bus-event.js'
import { systemClock } from '../core/clock.js'
import { deepFreeze } from '../core/deep-freeze.js'
import { uuidv7 } from '../core/ids.js'
import { type StandardSchema, checkSchema, isStandardSchema } from '../core/standard-schema.js'
import { SystemError, serializeError } from '../core/system-error.js'
import { assertEnvelope, createEnvelope, isEventType } from './envelope.js'
import type { AnyEventBus, EventBus, EventBusOptions, Unsubscribe } from './event-bus.js'
import type { BusFault } from './system-events.js'
import { waitForEvent } from './wait-for-event.js'

/**
 * A bus on top of mitt, see {@link EventBus}.
 *
 * @throws {SystemError} `VALIDATION` when an option is malformed.
 */
export function createEventBus<Events extends EventMap = Record<string, unknown>>(
  options: EventBusOptions<Events> = {},
): EventBus<Events> {
  const { clock = systemClock, ids = uuidv7, source, freezePayloads = true, maxCascade = 1_000_000 } = options
  const onError = options.onError ?? printFault
  const schemas = readSchemas(options.schemas)
  if (source === '') throw new SystemError('VALIDATION', 'Cannot create a bus: "source" must not be empty')
  if (!(maxCascade >= 0)) {
    throw new SystemError(
      'VALIDATION',
      `Cannot create a bus: "maxCascade" must be 0 or more: it is ${maxCascade}`,
    )
  }
  const defaults = { id: ids, now: () => clock.now(), source }

  const handlers: EventHandlerMap<Record<string, BusEvent>> = new Map()
  const emitter = mitt(handlers)
  /** Called when the bus closes; waits, which must then reject, are here. */
  const closers = new Set<() => void>()
  let isClosed = false

  // Events are numbered as they are published; a subscription knows the last number before it.
  const queue: BusEvent[] = []
  let head = 0
  let published = 0
  let delivering = 0
  let isDraining = false
  /** Events published from inside handlers since the outermost publish. */
  let cascade = 0
  /** Thrown into every handler that goes on publishing beyond the limit; one error, so that it is reported once. */
  let overflow: SystemError | undefined
  let isOverflowReported = false

  function enqueue(event: BusEvent): void {
    published++
    queue.push(event)
    if (!isDraining) drain()
  }

  function drain(): void {
    isDraining = true
    overflow = undefined
    isOverflowReported = false
    try {
      while (head < queue.length) {
        const event = queue[head++]!
        delivering++
        if (head === queue.length) head = queue.length = 0
        else if (head >= 1024 && head * 2 >= queue.length) {
          queue.splice(0, head)
          head = 0
        }
        deliver(event)
      }
    } finally {
      // Reached with events left only when the stack is exhausted; the next publish goes on with them.
      isDraining = false
      cascade = 0
      if (isClosed) release()
    }
  }

  function deliver(event: BusEvent): void {
    if (event.type === 'bus:error' && !handlers.has('bus:error')) tell(event.payload as BusFault)
    emitter.emit(event.type, event)
  }

  function accept(event: BusEvent): BusEvent {
    if (isDraining && ++cascade > maxCascade) throw (overflow ??= loopLimit(event.type, maxCascade))
    if (freezePayloads) deepFreeze(event.payload)
    enqueue(event)
    return event
  }

  function report(error: unknown, event: BusEvent): void {
    if (error === overflow && error !== undefined) {
      if (isOverflowReported) return
      isOverflowReported = true
    }
    const fault: BusFault = { error: serializeError(error), during: 'handler', event }
    // A fault of a fault's own handler goes no further round.
    if (event.type === 'bus:error' || isClosed) return tell(fault)
    const meta = { causationId: event.id, correlationId: event.correlationId }
    enqueue(createEnvelope('bus:error', Object.freeze(fault), meta, defaults))
  }

  function tell(fault: BusFault): void {
    try {
      onError(fault)
    } catch {
      // There is nobody left to tell.
    }
  }

  function attach(type: string, handler: (event: BusEvent) => unknown): Unsubscribe {
    assertOpen('subscribe to', type)
    if (type !== '*' && !isEventType(type)) {
      throw new SystemError('VALIDATION', 'Cannot subscribe: the type must be a non-empty string')
    }
    const since = published
    let isActive = true
    const receive = (event: BusEvent): void => {
      if (!isActive || delivering <= since) return
      try {
        const result = handler(event)
        if (isThenable(result))
          Promise.resolve(result).then(undefined, (error: unknown) => report(error, event))
      } catch (error) {
        report(error, event)
      }
    }
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

  function checkPayload(type: string, payload: unknown): unknown {
    const schema = schemas.get(type)
    if (!schema) return payload
    const check = checkSchema(schema, payload)
    if (check.ok) return check.value
    const [first] = check.issues
    const fault = first
      ? `${first.path === '' ? '' : `"${first.path}": `}${first.message}`
      : 'no reason given'
    throw new SystemError(
      'VALIDATION',
      `Cannot publish "${type}": the payload does not fit its schema: ${fault}`,
      {
        context: { type, issues: check.issues },
        ...('cause' in check ? { cause: check.cause } : {}),
      },
    )
  }

  function release(): void {
    handlers.clear()
    for (const close of closers) close()
    closers.clear()
  }

  const bus: AnyEventBus = {
    publish(type, payload, meta) {
      assertOpen('publish', type)
      return accept(createEnvelope(type, checkPayload(type, payload), meta, defaults))
    },
    dispatch(event) {
      assertEnvelope(event, 'dispatch')
      assertOpen('dispatch', event.type)
      const payload = checkPayload(event.type, event.payload)
      return accept(payload === event.payload ? freezeEnvelope(event) : freezeEnvelope({ ...event, payload }))
    },
    subscribe: attach,
    once(type, handler) {
      const unsubscribe = attach(type, (event) => {
        unsubscribe()
        return handler(event)
      })
      return unsubscribe
    },
    waitFor: (type, wait) => waitForEvent({ subscribe: attach, clock, closers }, type, wait),
    hasSubscribers: (type) => handlers.has(type) || handlers.has('*'),
    close() {
      isClosed = true
      if (!isDraining) release()
    },
    async [Symbol.asyncDispose]() {
      await Promise.resolve(this.close())
    },
  }
  return bus as EventBus<Events>
}

function freezeEnvelope(event: BusEvent): BusEvent {
  try {
    return Object.freeze(event)
  } catch (cause) {
    throw new SystemError('VALIDATION', 'Cannot dispatch a malformed event: it must be a plain object', {
      cause,
      context: { issues: [{ path: '', message: 'must be a plain object' }] },
    })
  }
}

function loopLimit(type: string, maxCascade: number): SystemError {
  return new SystemError(
    'LOOP_LIMIT',
    `Cannot publish "${type}": handlers have published ${maxCascade} events in a row; break the loop or raise "maxCascade"`,
    { context: { type, maxCascade } },
  )
}

function readSchemas(schemas: object = {}): ReadonlyMap<string, StandardSchema> {
  for (const [type, schema] of Object.entries(schemas)) {
    if (isStandardSchema(schema)) continue
    throw new SystemError(
      'VALIDATION',
      `Cannot create a bus: the schema of "${type}" is not a Standard Schema (v1)`,
      {
        context: {
          issues: [
            { path: `schemas.${type}`, message: 'must be a Standard Schema, such as one made with zod' },
          ],
        },
      },
    )
  }
  return new Map(Object.entries(schemas as Record<string, StandardSchema>))
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' && value !== null && typeof (value as PromiseLike<unknown>).then === 'function'
  )
}

function printFault({ error, during, event }: BusFault): void {
  const subject = event ? ` of event "${event.type}"` : ''
  console.error(`Busline: a ${during}${subject} failed: ${error.stack ?? error.message}`)
}
