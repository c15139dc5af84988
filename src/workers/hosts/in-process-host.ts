import { message } from '../messages/protocol.js'
import { uncloneable } from '../runner/runner-errors.js'
import type { ServedPort, WorkerScript } from '../worker/serve-port.js'
import { checkScript, serveHandshake } from '../worker/serve-worker.js'
import { type WorkerPort, isWorkerPort } from '../worker/worker-port.js'
import type { HostOpenOptions, WorkerHost, WorkerHostFactory } from './worker-host.js'

/**
 * Runs workers in this thread: for tests, and where there are no threads. Messages are cloned as for a thread, and
 * delivered in microtasks, so that a simulated clock moves them on. It cannot contain what a thread contains: an endless loop or
 * a full heap is everybody's.
 *
 * @throws {SystemError} `VALIDATION` when what is offered is malformed.
 */
export function inProcessHost(script: WorkerScript): WorkerHostFactory {
  checkScript(script)
  return { kind: 'inProcess', open: (options) => openInProcess(script, options) }
}

function openInProcess(script: WorkerScript, options: HostOpenOptions): WorkerHost {
  const line = new Line(options)
  let served: ServedPort | undefined
  let isOpen = true
  const handshake = message('messagePort', { port: line.workerEnd, settings: options.settings })
  queueMicrotask(() => {
    if (!isOpen) return
    serveHandshake(
      {
        onFirstMessage: (listener) => listener(handshake),
        toPort: (port) => (isWorkerPort(port) ? port : undefined),
        onServed: (it) => (served = it),
      },
      script,
    )
  })
  return {
    name: options.name,
    post: (sent, transfer) => line.toWorker(sent, transfer),
    async terminate() {
      if (!isOpen) return
      isOpen = false
      line.close()
      served?.close()
      options.onExit({})
      await Promise.resolve()
    },
  }
}

/** Both directions between two ends in one thread. */
class Line {
  readonly workerEnd: WorkerPort
  readonly #options: HostOpenOptions
  #listener: ((data: unknown) => void) | undefined
  #early: unknown[] = []
  #isOpen = true

  constructor(options: HostOpenOptions) {
    this.#options = options
    this.workerEnd = {
      post: (sent, transfer) => {
        if (!this.#isOpen) return
        const copy = structuredClone(sent, { transfer: [...(transfer ?? [])] })
        queueMicrotask(() => this.#isOpen && options.onMessage(copy))
      },
      onMessage: (listener) => {
        this.#listener = listener
        for (const data of this.#early.splice(0)) listener(data)
      },
      close: () => {},
    }
  }

  toWorker(sent: unknown, transfer: readonly Transferable[] = []): void {
    if (!this.#isOpen) return
    const copy: unknown = clone(sent, transfer, this.#options.name)
    queueMicrotask(() => {
      if (!this.#isOpen) return
      if (this.#listener) this.#listener(copy)
      else this.#early.push(copy)
    })
  }

  close(): void {
    this.#isOpen = false
  }
}

function clone(sent: unknown, transfer: readonly Transferable[], name: string): unknown {
  try {
    return structuredClone(sent, { transfer: [...transfer] })
  } catch (error) {
    throw uncloneable(`a message to worker "${name}"`, error)
  }
}
