/** `workerExecutor` as a runtime calls it: whole orders of steps, each with a signal, a logger and an idempotency key. */
import { WorkerManager, transfer, workerExecutor } from '../../dist/workers/index.js'
import { nodeHost } from '../../dist/workers/node/index.js'
import { StepControl } from '../step-control.mjs'
import { inFlight, roundTripsPerSecond } from './round-trips.mjs'

const manager = new WorkerManager({
  host: nodeHost(new URL('busline-thread.mjs', import.meta.url)),
  maxWorkers: 1,
})
await manager.addWorker()
const executor = workerExecutor(manager, { tasksPerWorker: inFlight })

const runId = '01a1fd78-3c9e-70d7-8b11-44ff267593f3'
const execute = (task, input) =>
  executor.execute(
    {
      task,
      input,
      runId,
      workflowId: 'orders',
      pipelineId: 'main',
      stageId: 'work',
      stepId: task,
      path: `work/${task}`,
      attempt: 1,
      idempotencyKey: `${runId}/work.1/${task}`,
      timeoutMs: Infinity,
      requires: {},
      key: undefined,
    },
    new StepControl(),
  )

await roundTripsPerSecond({
  add: (input) => execute('add', input),
  move: async (buffer) => (await execute('move', transfer({ buffer }, [buffer]))).buffer,
})
await executor.close()
await manager.close()
