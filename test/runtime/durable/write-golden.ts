/**
 * Writes what a store holds of runs in all kinds of places, at a release: `npx tsx test/runtime/durable/write-golden.ts 0.1.0`.
 * Files of earlier releases are never written again.
 */
import { writeFileSync } from 'node:fs'
import { WorkflowRuntime, createEventBus, memoryStorage } from '../../../src/index.js'
import { faultInjecting, sequentialIds, simulatedClock } from '../../../src/testing/index.js'
import { goldenWorkflows } from './golden-workflows.js'

const [release = ''] = process.argv.slice(2)
const store = memoryStorage()
const clock = simulatedClock()
const ids = sequentialIds()
const runtime = new WorkflowRuntime({
  bus: createEventBus({ clock, ids }),
  clock,
  ids,
  storage: faultInjecting(store, { isDurable: true }),
})
for (const workflow of goldenWorkflows) await runtime.register(workflow)
for (const { id } of goldenWorkflows) {
  const submitted = runtime.submit(id, { order: 7, isFirst: true }, { id: `event-${id}` })
  await clock.settle()
  await submitted
}
await clock.advance('1m')
const stopped = runtime.stop()
await clock.advance('10s')
await stopped
const records = (await store.scan({ prefix: '' })).filter(({ key }) => !key.startsWith('owner/'))
const file = new URL(`../fixtures/checkpoints/${release}.json`, import.meta.url)
writeFileSync(file, JSON.stringify(records, undefined, 1) + '\n', { flag: 'wx' })
