import { SystemError } from '../../core/system-error.js'
import { type ManagerCommands, PROTOCOL_VERSION, isWireMessage } from '../messages/protocol.js'
import { workerError } from '../runner/runner-errors.js'
import { type ServedPort, type WorkerScript, servePort } from './serve-port.js'
import type { WorkerPort } from './worker-port.js'

/** The script's own end of the line, over which only the handshake comes. */
export interface HandshakeChannel {
  /** Calls back with the first message, and then no more. */
  onFirstMessage(listener: (data: unknown) => void): void
  /** Makes a port of what the handshake carries; `undefined` when it is none. */
  toPort(port: unknown): WorkerPort | undefined
  onServed?(served: ServedPort): void
}

/**
 * Waits for the handshake, then serves the port that it carries. A first message that is anything else is thrown at the
 * worker's script, so that the worker ends and its manager is told.
 */
export function serveHandshake(channel: HandshakeChannel, script: WorkerScript): void {
  checkScript(script)
  channel.onFirstMessage((data) => {
    const { payload } = requireHandshake(data)
    const { port, settings } = payload as ManagerCommands['messagePort']
    const opened = channel.toPort(port)
    if (!opened) throw notHandshake('"payload.port" must be a message port')
    const served = servePort(opened, settings, script)
    channel.onServed?.(served)
  })
}

/** @throws {SystemError} `VALIDATION` with reason `NOT_HANDSHAKE` that names what was wrong and what is allowed. */
export function requireHandshake(data: unknown): { readonly payload: unknown } {
  if (!isWireMessage(data))
    throw notHandshake(`"v" must be ${PROTOCOL_VERSION}, "id" a number and "command" a text`)
  const { command, payload } = data
  if (command !== 'messagePort') throw notHandshake(`"command" must be messagePort: it is ${command}`)
  const { port, settings } = (payload ?? {}) as Partial<ManagerCommands['messagePort']>
  if (port === undefined) throw notHandshake('"payload.port" must be a message port')
  if (typeof settings?.workerId !== 'string') throw notHandshake('"payload.settings.workerId" must be a text')
  return { payload }
}

function notHandshake(what: string): SystemError {
  return workerError(
    'VALIDATION',
    'NOT_HANDSHAKE',
    `The first message to a worker must be its handshake: ${what}`,
    {
      allowed: ['messagePort'],
    },
  )
}

export function checkScript({ runners = {}, tasks = {} }: WorkerScript): void {
  for (const [name, runner] of Object.entries(runners)) {
    if (typeof runner?.create === 'function') continue
    throw refuse(`runners.${name}`, 'must be made with defineRunner()')
  }
  for (const [name, task] of Object.entries(tasks)) {
    if (typeof task === 'function') continue
    throw refuse(`tasks.${name}`, 'must be a function')
  }
}

function refuse(path: string, message: string): SystemError {
  return new SystemError('VALIDATION', `Cannot serve as a worker: "${path}" ${message}`, {
    context: { issues: [{ path, message }] },
  })
}
