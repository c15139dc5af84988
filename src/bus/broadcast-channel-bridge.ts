import { SystemError } from '../core/system-error.js'
import { linkBridge } from './bridge-link.js'
import type { BridgeConnection, BridgeOptions, BusBridge } from './bus-bridge.js'
import type { AnyEventBus } from './event-bus.js'

export interface BroadcastChannelBridgeOptions {
  /** The name of the channel: all bridges of one name, in one browser profile and origin or one Node process, are one. Not empty. */
  readonly name: string
  /**
   * How many ids of events each connection remembers at least, to know an event that comes twice; at most twice as
   * many are kept, about 100 bytes each. A whole number from 1. @default 10_000
   */
  readonly seenLimit?: number
}

/**
 * A {@link BusBridge} over `BroadcastChannel`: the tabs, frames and workers of one origin, or the threads of one Node
 * process. Payloads are copied by structured clone, so dates, maps and typed arrays arrive; functions cannot. In Node
 * a connection does not keep the process alive.
 *
 * @throws {SystemError} `VALIDATION` when an option is malformed.
 */
export function broadcastChannelBridge({
  name,
  seenLimit = 10_000,
}: BroadcastChannelBridgeOptions): BusBridge {
  if (typeof name !== 'string' || name === '') {
    throw new SystemError('VALIDATION', 'Cannot create a bridge: "name" must be a non-empty string')
  }
  if (!Number.isSafeInteger(seenLimit) || seenLimit < 1) {
    throw new SystemError(
      'VALIDATION',
      `Cannot create a bridge: "seenLimit" must be a whole number from 1: it is ${seenLimit}`,
    )
  }
  return {
    connect: (bus, options) =>
      new Promise((resolve) => resolve(openConnection(bus, { ...options, name, seenLimit }))),
  }
}

function openConnection(
  bus: AnyEventBus,
  { name, ...options }: BroadcastChannelBridgeOptions & BridgeOptions,
): BridgeConnection {
  const channel = openChannel(name)
  try {
    const send = (message: unknown) => channel.postMessage(message)
    const link = linkBridge(bus, { ...options, send, onBusClosed: () => channel.close() })
    channel.onmessage = ({ data }) => link.receive(data)
    channel.onmessageerror = () => link.report(unreadable(name))
    const close = async () => {
      link.close()
      await Promise.resolve(channel.close())
    }
    return { close, [Symbol.asyncDispose]: close }
  } catch (error) {
    channel.close()
    throw error
  }
}

function openChannel(name: string): BroadcastChannel {
  if (typeof BroadcastChannel === 'undefined') {
    throw new SystemError(
      'UNAVAILABLE',
      `Cannot connect to channel "${name}": this host has no BroadcastChannel`,
    )
  }
  const channel = new BroadcastChannel(name)
  // Node alone has it: an open channel would keep the process alive.
  ;(channel as { unref?: () => void }).unref?.()
  return channel
}

function unreadable(name: string): SystemError {
  return new SystemError(
    'VALIDATION',
    `Cannot read a message on channel "${name}": it cannot be copied to this place`,
  )
}
