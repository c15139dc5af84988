import { SystemError } from '../../core/system-error.js'
import { type WireMessage, type WireReply, message } from '../messages/protocol.js'
import { uncloneable, workerError } from '../runner/runner-errors.js'
import type { HostOpenOptions, WorkerHost, WorkerHostFactory } from './worker-host.js'

export interface WebHostOptions {
  /** @default 'module' */
  readonly type?: WorkerType
  readonly credentials?: RequestCredentials
}

/**
 * Runs workers as Web Workers: each host is one with the script, which calls `serveWorker`. Such a worker tells nobody when
 * it has come to its end; the manager's heartbeat finds out.
 *
 * @param script Its address, or a function that makes the worker: bundlers want to see
 *   `() => new Worker(new URL('./worker.js', import.meta.url), { type: 'module' })`.
 */
export function webHost(
  script: URL | string | ((name: string) => Worker),
  options: WebHostOptions = {},
): WorkerHostFactory {
  const start = (name: string) =>
    typeof script === 'function' ? script(name) : new Worker(script, { type: 'module', ...options, name })
  return { kind: 'web', open: (open) => openWorker(start, open) }
}

function openWorker(start: (name: string) => Worker, open: HostOpenOptions): WorkerHost {
  const { name, settings } = open
  const worker = start(name)
  const { port1: port, port2 } = new MessageChannel()
  let isOpen = true

  port.addEventListener('message', ({ data }: MessageEvent<WireMessage | WireReply>) => {
    if (isOpen) open.onMessage(data)
  })
  port.addEventListener('messageerror', () => open.onMessageError(unreadable(name)))
  port.start()
  worker.addEventListener('messageerror', () => open.onMessageError(unreadable(name)))
  worker.addEventListener('error', (event) => {
    // Handled here: without this the page would report it once more as its own.
    event.preventDefault()
    if (isOpen) open.onError(workerFailed(name, event))
  })
  worker.postMessage(message('messagePort', { port: port2, settings }), [port2])

  return {
    name,
    post(sent, transfer = []) {
      if (!isOpen) return
      try {
        port.postMessage(sent, [...transfer])
      } catch (error) {
        throw uncloneable(`a message to worker "${name}"`, error)
      }
    },
    async terminate() {
      if (!isOpen) return
      isOpen = false
      worker.terminate()
      port.close()
      open.onExit({})
      await Promise.resolve()
    },
  }
}

function workerFailed(name: string, { message: text, filename, lineno }: ErrorEvent): SystemError {
  // A script that cannot be loaded gives an event without a message.
  const what = text ? `${text} (${filename}:${lineno})` : 'its script could not be loaded'
  return workerError('UNAVAILABLE', 'WORKER_LOST', `Worker "${name}" has failed: ${what}`)
}

function unreadable(name: string): SystemError {
  return new SystemError(
    'VALIDATION',
    `Cannot read a message of worker "${name}": it cannot be copied to this place`,
  )
}
