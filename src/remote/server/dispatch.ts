import { isFields } from '../../core/is-fields.js'
import type { WorkerCriteria } from '../pool/worker-info.js'
import type { RequestTable } from './request-table.js'
import { toText } from '../protocol/to-text.js'

/** A message for whoever is free. */
export interface DispatchOptions extends WorkerCriteria {
  /** What is sent, with the `requestId`. */
  readonly message: Readonly<Record<string, unknown>>
  /** Must not be in use. @default the `requestId` of the message, else a random UUID */
  readonly requestId?: string
}

export interface DispatchedRequest {
  readonly requestId: string
  readonly workerId: string
  /** `released` by `releaseRequest` or by the worker's answer, or `lost` with the worker; one of them, once. */
  readonly settled: Promise<'released' | 'lost'>
}

/** @throws {SystemError} `DUPLICATE_KEY` when the request id is taken, `VALIDATION` for a message that cannot be JSON. */
export function dispatchRequest(
  requests: RequestTable,
  { message, requestId = ownId(message), ...criteria }: DispatchOptions,
): DispatchedRequest | undefined {
  // Looked at also when nobody is free: the fault is in the message.
  const text = toText(isFields(message) ? { ...message, requestId } : message)
  let settle: (outcome: 'released' | 'lost') => void = () => {}
  const settled = new Promise<'released' | 'lost'>((resolve) => (settle = resolve))
  const workerId = requests.assign({
    requestId,
    criteria,
    text: () => text,
    listener: { onEnd: () => settle('released'), onLost: () => settle('lost') },
  })
  return workerId === undefined ? undefined : { requestId, workerId, settled }
}

function ownId(message: unknown): string {
  const requestId = isFields(message) ? message['requestId'] : undefined
  return typeof requestId === 'string' ? requestId : crypto.randomUUID()
}
