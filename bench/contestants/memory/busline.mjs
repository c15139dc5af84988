/** `node --expose-gc busline.mjs RUNS`: MB of heap after RUNS finished runs, over those after the first 1 000. */
import { WorkflowRuntime, createEventBus } from '../../dist/index.js'
import { createFinishLine } from '../stopwatch.mjs'
import { addTax, addUp, close, initialState, order } from '../runs/order.mjs'
import { heapGrowth } from './heap.mjs'

const bus = createEventBus()
const runtime = new WorkflowRuntime({ bus })
const line = createFinishLine()

await runtime.register(
  {
    id: 'orders',
    triggers: { placed: { event: 'order:placed', key: ({ payload }) => payload.orderId } },
    pipelines: {
      main: {
        id: 'main',
        initialState: ({ payload }) => initialState(payload),
        stages: [addUp, addTax, close].map((stage) => ({
          id: stage.name,
          steps: { run: ({ state }) => stage(state) },
        })),
      },
    },
  },
  { onComplete: () => line.finished() },
)

let count = 0
await heapGrowth((batch) => {
  const done = line.expect(batch)
  // A key of its own per event: nothing may be kept per key either.
  for (let index = 0; index < batch; index++) {
    bus.publish('order:placed', { ...order, orderId: `o-${count++}` })
  }
  return done
})
