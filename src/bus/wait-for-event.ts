import type { BusEvent } from '../core/bus-event.js'
import type { Clock } from '../core/clock.js'
import { toMs } from '../core/duration.js'
import { SystemError } from '../core/system-error.js'
import type { AnyEventBus, WaitForOptions } from './event-bus.js'

/** What a wait needs of the bus that it waits on. */
export interface WaitHost {
  readonly subscribe: AnyEventBus['subscribe']
  readonly clock: Clock
  /** Called when the bus closes. */
  readonly closers: Set<() => void>
}

/**
 * The next event of a type, as a promise. Whatever ends the wait takes subscription, timer and abort listener away
 * with it.
 */
export function waitForEvent(
  { subscribe, clock, closers }: WaitHost,
  type: string,
  { when, timeout = Infinity, signal }: WaitForOptions = {},
): Promise<BusEvent> {
  return new Promise((resolve, reject) => {
    const ms = toMs(timeout)
    if (signal?.aborted) return reject(abandoned(type, 'its signal was aborted', signal.reason))
    const unsubscribe = subscribe(type, (event) => {
      try {
        if (when && !when(event)) return
      } catch (error) {
        // The fault of whoever waits, not one to be reported by the bus.
        return settle(() => reject(error))
      }
      settle(() => resolve(event))
    })
    const onTimeout = () => settle(() => reject(timedOut(type, ms)))
    const onAbort = () => settle(() => reject(abandoned(type, 'its signal was aborted', signal?.reason)))
    const onClose = () => settle(() => reject(abandoned(type, 'the bus was closed')))
    const timer = ms === Infinity ? undefined : clock.setTimeout(onTimeout, ms)
    signal?.addEventListener('abort', onAbort)
    closers.add(onClose)

    function settle(finish: () => void): void {
      unsubscribe()
      if (timer !== undefined) clock.clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
      closers.delete(onClose)
      finish()
    }
  })
}

function abandoned(type: string, reason: string, cause?: unknown): SystemError {
  const options = { context: { type }, ...(cause === undefined ? {} : { cause }) }
  return new SystemError('ABORTED', `Gave up waiting for "${type}": ${reason}`, options)
}

function timedOut(type: string, timeoutMs: number): SystemError {
  return new SystemError('TIMEOUT', `No "${type}" came within ${timeoutMs} ms`, {
    context: { type, timeoutMs },
  })
}
