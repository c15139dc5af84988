import type { WireMessage, WireReply } from '../messages/protocol.js'
import type { WireResults } from '../messages/task-messages.js'

/** One end of the line between a manager and a worker, once the handshake is over. */
export interface WorkerPort {
  /** @throws what structured clone throws when the message cannot be cloned; nothing was sent then. */
  post(message: WireMessage | WireReply | WireResults, transfer?: readonly Transferable[]): void
  /** Messages that came before wait for it. */
  onMessage(listener: (data: unknown) => void): void
  close(): void
}

/** Whether `value` can be taken for a {@link WorkerPort}: what crosses a handshake is not trusted. */
export function isWorkerPort(value: unknown): value is WorkerPort {
  if (typeof value !== 'object' || value === null) return false
  const { post, onMessage, close } = value as Partial<WorkerPort>
  return typeof post === 'function' && typeof onMessage === 'function' && typeof close === 'function'
}
