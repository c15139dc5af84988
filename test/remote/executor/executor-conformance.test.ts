import { describe, it } from 'vitest'
import { conformanceTasks, executorConformance } from 'busline/testing'
import { WorkerServer, remoteExecutor } from 'busline/remote'
import { RemoteWorker } from 'busline/remote/client'
import { quietLogger } from '../quiet-logger.js'

describe('remoteExecutor() keeps the rules of every executor', () => {
  async function openExecutor() {
    const logger = quietLogger()
    const server = new WorkerServer({ logger })
    await server.start()
    const worker = new RemoteWorker({ url: `ws://127.0.0.1:${server.port}`, tasks: conformanceTasks, logger })
    await worker.start()
    const executor = remoteExecutor(server, { unknownTaskTimeout: 20 })
    return {
      execute: executor.execute.bind(executor),
      async close() {
        await executor.close()
        await worker.stop()
        await server.stop()
      },
    }
  }
  for (const { title, run } of executorConformance({ openExecutor })) it(title, run)
})
