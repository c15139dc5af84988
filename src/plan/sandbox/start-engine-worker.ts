import { describe } from '../../core/system-error.js'
import type { EngineLimits, FromWorker, ToWorker } from './engine-protocol.js'
import { EngineRunner } from './engine-runner.js'

interface Port {
  postMessage(message: FromWorker): void
  onmessage: ((event: { readonly data: unknown }) => void) | null
}

/** Makes the worker it is called in, of Node or of a browser, one of the engine. The first message it gets are its limits. */
export function startEngineWorker(): void {
  const port = findPort()
  let runner: EngineRunner | undefined
  let earlier: Promise<void> = Promise.resolve()
  port.onmessage = ({ data }) => {
    earlier = earlier.then(async () => {
      if (runner) return runner.receive(data as ToWorker)
      runner = new EngineRunner(data as EngineLimits, (message) => port.postMessage(message))
      try {
        await runner.open()
        port.postMessage({ type: 'ready' })
      } catch (error) {
        port.postMessage({ type: 'unusable', message: describe(error) })
      }
    })
  }
}

function findPort(): Port {
  const host = globalThis as { process?: { getBuiltinModule?: (name: string) => unknown } }
  const threads = host.process?.getBuiltinModule?.('node:worker_threads') as
    { readonly parentPort: Port | null } | undefined
  return threads?.parentPort ?? (globalThis as unknown as Port)
}
