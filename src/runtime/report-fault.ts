import type { AnyEventBus } from '../bus/event-bus.js'
import type { Logger } from '../core/logger.js'
import { isSystemError, serializeError } from '../core/system-error.js'

/** Logs a fault that has nobody else to go to, and publishes it as `bus:error`. Never throws. */
export function reportFault(bus: AnyEventBus, logger: Logger, error: unknown, what: string): void {
  try {
    logger.error(`Busline: ${what} failed`, isSystemError(error) ? error.toJSON() : error)
    if (bus.hasSubscribers('bus:error')) {
      bus.publish('bus:error', { error: serializeError(error), during: 'runtime', what })
    }
  } catch {
    // There is nobody left to tell.
  }
}
