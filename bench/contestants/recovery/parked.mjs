/** What every contestant finds: a SQLite file with runs that wait, each for an event of its own or for a week. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { WorkflowRuntime, createEventBus, pause } from '../../dist/index.js'
import { sqliteStorage } from '../../dist/storage/sqlite/index.js'

const RUNS = 10_000
const CONCURRENCY = 200

const silent = () => {}
const logger = { debug: silent, info: silent, warn: silent, error: silent }
const until = { event: 'paid', conditions: [{ field: 'order', op: '==', valueFrom: 'order' }] }
const wait = () => pause({ until, timeout: '7d' })
const workflow = {
  id: 'orders',
  triggers: { placed: { event: 'order' } },
  pipelines: {
    main: {
      id: 'main',
      stages: [
        { id: 'place', steps: { place: ({ event }) => ({ order: event.payload.order }) }, router: wait },
        { id: 'ship', steps: { ship: () => ({ shipped: true }) } },
      ],
    },
  },
}

/** Made in a process of its own, so that whoever reads it is as cold as a process that has just begun. */
export function parkedRuns() {
  const folder = mkdtempSync(join(tmpdir(), 'busline-bench-'))
  const file = join(folder, 'runs.db')
  execFileSync(process.execPath, [fileURLToPath(import.meta.url), file])
  return { file, count: RUNS, remove: () => rmSync(folder, { recursive: true }) }
}

/** A runtime that knows another workflow. */
export async function openRuntime(storage) {
  const runtime = new WorkflowRuntime({ bus: createEventBus(), storage, logger })
  await runtime.register({ ...workflow, id: 'others' })
  return runtime
}

export const registerOrders = (runtime) => runtime.register(workflow)

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const storage = sqliteStorage({ file: process.argv[2], synchronous: 'NORMAL' })
  const runtime = await openRuntime(storage)
  await registerOrders(runtime)
  let next = 0
  const worker = async () => {
    while (next < RUNS) {
      const result = await runtime.invoke('orders', 'placed', { order: ++next })
      if (result.value?.status !== 'paused') throw new Error('A run does not wait', { cause: result.error })
    }
  }
  await Promise.all(Array.from({ length: CONCURRENCY }, worker))
  await runtime.stop()
  await storage.close()
}
