/** `node busline.mjs [recipes]`: the steps return partial objects, or immer recipes. */
import { WorkflowRuntime, createEventBus } from '../../dist/index.js'
import { createFinishLine, ratePerSecond, report } from '../stopwatch.mjs'
import { addTax, addUp, close, initialState, order } from './order.mjs'

const usesRecipes = process.argv.includes('recipes')
const bus = createEventBus()
const runtime = new WorkflowRuntime({ bus })
const line = createFinishLine()

const toAction = (stage) =>
  usesRecipes
    ? async ({ state }) => {
        const output = await stage(state)
        return (draft) => {
          Object.assign(draft, output)
        }
      }
    : ({ state }) => stage(state)

await runtime.register(
  {
    id: 'orders',
    triggers: { placed: { event: 'order:placed' } },
    pipelines: {
      main: {
        id: 'main',
        initialState: ({ payload }) => initialState(payload),
        stages: [
          { id: 'add-up', steps: { run: toAction(addUp) } },
          { id: 'add-tax', steps: { run: toAction(addTax) } },
          { id: 'close', steps: { run: toAction(close) } },
        ],
      },
    },
  },
  {
    onComplete: ({ ok, value }) => {
      if (ok && value.state.status === 'closed') line.finished()
    },
  },
)

report(
  await ratePerSecond((batch) => {
    const done = line.expect(batch)
    for (let index = 0; index < batch; index++) bus.publish('order:placed', order)
    return done
  }),
)
