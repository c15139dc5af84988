import { expect, it } from 'vitest'
import {
  type AnyPipeline,
  type StorageDriver,
  WorkflowRuntime,
  createEventBus,
  memoryStorage,
  pause,
} from 'busline'
import { faultInjecting, sequentialIds, simulatedClock } from '../../../src/testing/index.js'
import { quietLogger } from '../open-runtime.js'
// Loaded on demand by the runtime; here beforehand, because no simulated clock waits for a file.
import '../../../src/runtime/runtime-engine.js'
import '../../../src/runtime/validate-workflow.js'
import '../../../src/runtime/durable/open-durability.js'

const clock = simulatedClock()
const ids = sequentialIds()
const waits: AnyPipeline = {
  id: 'main',
  stages: [{ id: 'wait', router: () => pause({ until: { event: 'paid' }, timeout: '1d' }) }],
}

async function open(storage: StorageDriver): Promise<WorkflowRuntime> {
  const bus = createEventBus({ clock, ids, onError: () => {} })
  const runtime = new WorkflowRuntime({ bus, clock, ids, storage, logger: quietLogger })
  const triggers = { placed: { event: 'order' } }
  const registered = runtime.register({ id: 'orders', triggers, pipelines: { main: waits } })
  await clock.settle()
  await registered
  return runtime
}

it('leaves no claim on a run that ends while another process recovers it', async () => {
  const storage = faultInjecting(memoryStorage(), { isDurable: true })
  const one = await open(storage)
  await one.submit('order', {})
  await clock.settle()
  const { runId } = one.listAllRuns()[0]!
  let hasEnded = false
  const two = await open({
    name: storage.name,
    isDurable: storage.isDurable,
    get: (key) => storage.get(key),
    scan: async (options) => {
      const page = await storage.scan(options)
      if (options.prefix === 'claim/orders/' && !hasEnded) {
        hasEnded = true
        await one.abort(runId)
      }
      return page
    },
    commit: (operations) => storage.commit(operations),
    close: () => storage.close(),
    [Symbol.asyncDispose]: () => storage.close(),
  })
  expect(hasEnded).toBe(true)
  expect(await storage.scan({ prefix: 'claim/' })).toEqual([])
  expect(two.listAllRuns()).toEqual([])
  await one.stop()
  await two.stop()
})
