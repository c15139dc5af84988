import { onTestFinished } from 'vitest'
import { WorkerServer, type WorkerServerOptions } from 'busline/remote'
import { quietLogger } from './quiet-logger.js'

/** A server that listens, and is stopped when the test ends, however it went. */
export async function openServer(options: WorkerServerOptions = {}): Promise<WorkerServer> {
  const server = new WorkerServer({ logger: quietLogger(), ...options })
  onTestFinished(() => server.stop())
  await server.start()
  return server
}
