/** `node busline.mjs [recorded]`: runs of three stages, 50 at a time, without a timeline store, or with one in memory. */
import { MemoryTimelineStore, WorkflowRuntime, createEventBus } from '../../dist/index.js'
import { createFinishLine, ratePerSecond, report } from '../stopwatch.mjs'

const isRecorded = process.argv.includes('recorded')
const bus = createEventBus()
const runtime = new WorkflowRuntime({
  bus,
  ...(isRecorded ? { timelineStore: new MemoryTimelineStore() } : {}),
})
const line = createFinishLine()
const stage = (name) => ({ id: name, steps: { [name]: () => Promise.resolve({ [name]: 1 }) } })

await runtime.register(
  {
    id: 'orders',
    triggers: { placed: { event: 'order:placed' } },
    pipelines: { main: { id: 'main', stages: ['a', 'b', 'c'].map(stage) } },
  },
  { mode: { type: 'transient', concurrency: 50 }, onComplete: ({ ok }) => void (ok && line.finished()) },
)

const rate = await ratePerSecond(
  (batch) => {
    const done = line.expect(batch)
    for (let n = 0; n < batch; n++) bus.publish('order:placed', { n })
    return done
  },
  { batch: 5_000, warmUpMs: 2_000, measureMs: 4_000 },
)
report(1e6 / rate)
process.exit()
