import {
  MessageChannel,
  type TransferListItem,
  Worker,
  type WorkerOptions,
  receiveMessageOnPort,
} from 'node:worker_threads'
import { SystemError, describe } from '../../core/system-error.js'
import { type WireMessage, type WireReply, message } from '../messages/protocol.js'
import { uncloneable, workerError } from '../runner/runner-errors.js'
import type { HostOpenOptions, WorkerHost, WorkerHostFactory } from './worker-host.js'

/** How threads are started; what Node's `Worker` takes, as far as it concerns a script. */
export type NodeHostOptions = Pick<
  WorkerOptions,
  'argv' | 'env' | 'execArgv' | 'workerData' | 'stdout' | 'stderr'
>

/**
 * Runs workers on threads of Node: each host is a thread of its own with the script, which calls `serveWorker`.
 *
 * @param script A `file:` URL, such as `new URL('./worker.js', import.meta.url)`, or an absolute path.
 */
export function nodeHost(script: URL | string, options: NodeHostOptions = {}): WorkerHostFactory {
  return { kind: 'node', open: (open) => openThread(script, options, open) }
}

function openThread(script: URL | string, options: NodeHostOptions, open: HostOpenOptions): WorkerHost {
  const { name, settings, resourceLimits } = open
  const worker = new Worker(script, { ...options, name, ...(resourceLimits && { resourceLimits }) })
  const { port1: port, port2 } = new MessageChannel()
  let failure: SystemError | undefined
  let hasExited = false

  const receive = (data: unknown) => open.onMessage(data as WireMessage | WireReply)
  port.on('message', receive)
  port.on('messageerror', (error) => open.onMessageError(unreadable(name, error)))
  worker.on('messageerror', (error) => open.onMessageError(unreadable(name, error)))
  worker.on('error', (error) => {
    failure = threadFailed(name, error)
    open.onError(failure)
  })
  worker.on('exit', (exitCode) => {
    // What the thread sent before its end may still lie in the port.
    for (let left = receiveMessageOnPort(port); left; left = receiveMessageOnPort(port)) receive(left.message)
    hasExited = true
    port.close()
    open.onExit({ exitCode, ...(failure && { error: failure }) })
  })
  worker.postMessage(message('messagePort', { port: port2, settings }), [port2])

  let usage = worker.performance.eventLoopUtilization()
  return {
    name,
    post(sent, transfer = []) {
      if (hasExited) return
      try {
        port.postMessage(sent, transfer as readonly TransferListItem[])
      } catch (error) {
        throw uncloneable(`a message to worker "${name}"`, error)
      }
    },
    async terminate() {
      await worker.terminate()
    },
    utilization() {
      if (hasExited) return undefined
      const now = worker.performance.eventLoopUtilization()
      const { utilization } = worker.performance.eventLoopUtilization(now, usage)
      usage = now
      return utilization
    },
  }
}

function threadFailed(name: string, cause: unknown): SystemError {
  const code = (cause as { code?: unknown } | null)?.code
  const hint = code === 'ERR_WORKER_OUT_OF_MEMORY' ? '; raise resourceLimits or keep less' : ''
  return workerError(
    'UNAVAILABLE',
    'WORKER_LOST',
    `Worker "${name}" has failed: ${describe(cause)}${hint}`,
    {},
    cause,
  )
}

function unreadable(name: string, cause: unknown): SystemError {
  return new SystemError('VALIDATION', `Cannot read a message of worker "${name}": ${describe(cause)}`, {
    cause,
  })
}
