import type { BusEvent } from '../core/bus-event.js'
import { SystemError, isSystemError, serializeError } from '../core/system-error.js'
import type { BridgeOptions } from './bus-bridge.js'
import { adoptEnvelope } from './envelope.js'
import type { AnyEventBus } from './event-bus.js'
import { SeenIds } from './seen-ids.js'

/** What travels: an event, marked with the version of this form. */
export interface BridgeMessage {
  readonly busline: 1
  readonly event: BusEvent
}

export interface BridgeLinkOptions extends BridgeOptions {
  /**
   * Hands a message to the other places. What it throws or rejects with is reported; a message that was sent is not
   * sent again.
   */
  readonly send: (message: BridgeMessage) => unknown
  /** Called when the bus turns out to be closed: there is nobody left to carry for. */
  readonly onBusClosed: () => void
  /** How many ids of events are remembered at least, to know them when they come again. @default 10_000 */
  readonly seenLimit?: number
}

/** One bus's end of a bridge, with nothing said about what carries the messages. */
export interface BridgeLink {
  /** Takes a message from another place. Never throws. To be called in a task of its own, not inside a handler. */
  readonly receive: (message: unknown) => void
  /** Reports as `bus:error` what went wrong on the way. Never throws. */
  readonly report: (error: unknown, event?: BusEvent) => void
  /** Stops sending and receiving. */
  readonly close: () => void
}

/**
 * What all bridges have in common: which events leave, which arrive, and that none goes round in a circle. An id that
 * went either way is remembered; so an event that arrived is not sent back when the bus delivers it, and one that was
 * sent is not taken again when it comes home over a ring of bridges or an echoing channel.
 */
export function linkBridge(bus: AnyEventBus, options: BridgeLinkOptions): BridgeLink {
  const { send, onBusClosed, types, seenLimit = 10_000 } = options
  const seen = new SeenIds(seenLimit)
  const wanted = types && new Set(types)
  let isOpen = true

  const carries = (type: string) => type !== 'bus:error' && (!wanted || wanted.has(type))

  function forward(event: BusEvent): void {
    if (!carries(event.type) || !seen.add(event.id)) return
    try {
      Promise.resolve(send({ busline: 1, event })).then(undefined, (error: unknown) => report(error, event))
    } catch (error) {
      report(error, event)
    }
  }

  function receive(message: unknown): void {
    if (!isOpen) return
    let event: BusEvent | undefined
    try {
      event = adoptEnvelope(readMessage(message), 'receive')
      if (carries(event.type) && seen.add(event.id)) bus.dispatch(event)
    } catch (error) {
      report(error, event)
    }
  }

  function report(error: unknown, event?: BusEvent): void {
    try {
      bus.publish('bus:error', { error: serializeError(error), during: 'bridge', ...(event && { event }) })
    } catch (refusal) {
      if (isOpen && isSystemError(refusal) && refusal.code === 'UNAVAILABLE') {
        close()
        onBusClosed()
      }
    }
  }

  const subscriptions = [...(wanted ?? ['*'])].map((type) => bus.subscribe(type, forward))
  function close(): void {
    isOpen = false
    for (const unsubscribe of subscriptions) unsubscribe()
  }
  return { receive, report, close }
}

function readMessage(message: unknown): unknown {
  const { busline, event } = (message ?? {}) as Partial<BridgeMessage>
  if (busline === 1) return event
  throw new SystemError('VALIDATION', 'Cannot receive a message that is not from a bridge of this version', {
    context: { issues: [{ path: 'busline', message: 'must be 1' }] },
  })
}
