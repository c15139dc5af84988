import type { AnyEventBus } from '../bus/event-bus.js'
import { adoptEnvelope } from '../bus/envelope.js'
import type { BusEvent } from '../core/bus-event.js'
import { SystemError } from '../core/system-error.js'
import { type CompiledTrigger, payloadFault } from './compiled-trigger.js'

/**
 * The event that starts an invoked run: the one that was given, or one made of the payload.
 *
 * @throws {SystemError} `VALIDATION` when the payload does not fit the trigger's schema or that of the bus.
 */
export function toTriggerEvent(bus: AnyEventBus, trigger: CompiledTrigger, given: unknown): BusEvent {
  const event = isEnvelope(given) ? adoptEnvelope(given, 'invoke') : bus.createEvent(trigger.eventType, given)
  const fault = payloadFault(trigger, event)
  if (fault === undefined) return event
  throw new SystemError('VALIDATION', `Cannot invoke trigger "${trigger.id}": ${fault}`, {
    context: { triggerId: trigger.id },
  })
}

/** A payload that has all four fields of an event is taken for one. */
function isEnvelope(value: unknown): boolean {
  const fields = ['id', 'type', 'payload', 'timestamp']
  return typeof value === 'object' && value !== null && fields.every((field) => Object.hasOwn(value, field))
}
