import { executorConformance } from 'busline/testing'
import { WorkerManager, workerExecutor } from 'busline/workers'
import { webHost } from 'busline/workers/web'

const managers: WorkerManager[] = []
const cases = executorConformance({
  openExecutor: async () => {
    const manager = new WorkerManager({ host: webHost('/web-task-worker.js'), maxWorkers: 2 })
    managers.push(manager)
    await manager.addWorker()
    return workerExecutor(manager)
  },
})

/** Runs a rule in this page; resolves to what went wrong. */
async function runRule(title: string): Promise<string | undefined> {
  try {
    await cases.find((each) => each.title === title)!.run()
    return undefined
  } catch (error) {
    return error instanceof Error ? (error.stack ?? error.message) : String(error)
  } finally {
    for (const manager of managers.splice(0)) await manager.close()
  }
}

Object.assign(globalThis, { runRule })
document.title = 'ready'
