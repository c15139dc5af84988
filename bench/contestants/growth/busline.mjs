/** `node busline.mjs [workflows=N] [stages=N] [bytes=N] [keys=N]`: stages per second at that size. */
import { WorkflowRuntime, createEventBus } from '../../dist/index.js'
import { createFinishLine, ratePerSecond, report } from '../stopwatch.mjs'
import { ballast, sizes } from './sizes.mjs'

const { workflows, stages, bytes, keys } = sizes
const bus = createEventBus()
const runtime = new WorkflowRuntime({ bus })
const line = createFinishLine()
const untouched = ballast(bytes)

for (let index = 0; index < workflows; index++) {
  await runtime.register(
    {
      id: `workflow-${index}`,
      triggers: { task: { event: 'task' } },
      pipelines: {
        main: {
          id: 'main',
          initialState: { count: 0, untouched },
          stages: Array.from({ length: stages }, (_, stage) => ({
            id: `stage-${stage}`,
            steps: { add: async ({ state }) => ({ count: state.count + 1 }) },
          })),
        },
      },
    },
    {
      mode: { type: 'serialized' },
      key: keys > 0 ? ({ payload }) => payload.key : undefined,
      onComplete: ({ ok, value }) => {
        if (ok && value.state.count === stages) line.finished()
      },
    },
  )
}

// As many stages per batch whatever is varied, but at least every key once.
const events = Math.max(1, keys, Math.round(1000 / (workflows * stages)))
const batch = events * workflows
let next = 0
const rate = await ratePerSecond(
  () => {
    const done = line.expect(batch)
    for (let index = 0; index < events; index++) {
      bus.publish('task', { key: `key-${keys > 0 ? next++ % keys : 0}` })
    }
    return done
  },
  { batch },
)
report(rate * stages)
