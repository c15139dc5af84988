import type { StepExecutor } from 'busline'
import { conformanceTasks, executorConformance } from 'busline/testing'
import { afterAll, afterEach, describe, it } from 'vitest'
import { workerExecutor } from '../../../src/workers/executor/worker-executor.js'
import { inProcessHost } from '../../../src/workers/hosts/in-process-host.js'
import { nodeHost } from '../../../src/workers/hosts/node-host.js'
import type { WorkerHostFactory } from '../../../src/workers/hosts/worker-host.js'
import { WorkerManager } from '../../../src/workers/manager/worker-manager.js'
import { bundleScript } from '../fixtures/bundle-script.js'

const script = await bundleScript('../scripts/task-worker.ts')
afterAll(script.remove)

const hosts: Readonly<Record<string, () => WorkerHostFactory>> = {
  'in this thread': () => inProcessHost({ tasks: conformanceTasks }),
  'on threads of Node': () => nodeHost(script.url),
}

for (const [where, openHost] of Object.entries(hosts)) {
  describe(`workerExecutor, ${where}`, () => {
    const managers: WorkerManager[] = []
    const openExecutor = async (): Promise<StepExecutor> => {
      const manager = new WorkerManager({ host: openHost(), maxWorkers: 2 })
      managers.push(manager)
      await manager.addWorker()
      return workerExecutor(manager)
    }
    afterEach(async () => {
      for (const manager of managers.splice(0)) await manager.close()
    })
    for (const { title, run } of executorConformance({ openExecutor })) it(title, run)
  })
}
