import { MAX_REGISTRATION_BYTES, PROTOCOL } from '../protocol/messages.js'
import type { WorkerSettings } from './worker-options.js'

/** The session to go on with, and what is in hand. */
export interface Resume {
  readonly sessionId: string
  readonly inFlight: readonly string[]
}

/** The first message of a worker. Requests in hand that have no room in it are given out again by the server. */
export function registration(
  { workerId, workerName, capabilities }: Pick<WorkerSettings, 'workerId' | 'workerName' | 'capabilities'>,
  authToken?: string,
  resume?: Resume,
): string {
  const message = {
    type: 'worker_registration',
    workerId,
    workerName,
    capabilities,
    protocol: PROTOCOL,
    batches: true,
    ...(authToken === undefined ? {} : { authToken }),
  }
  if (!resume) return JSON.stringify(message)
  const bare = { ...resume, inFlight: [] as string[] }
  let room = MAX_REGISTRATION_BYTES - bytesOf(JSON.stringify({ ...message, resume: bare }))
  for (const requestId of resume.inFlight) {
    room -= bytesOf(JSON.stringify(requestId)) + 1
    if (room < 0) break
    bare.inFlight.push(requestId)
  }
  return JSON.stringify({ ...message, resume: bare })
}

const encoder = new TextEncoder()

export function bytesOf(text: string): number {
  return encoder.encode(text).length
}
