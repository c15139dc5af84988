/** Each event is a run with an id and receipts, of one stage with one empty step. */
import { WorkflowRuntime, createEventBus } from '../../dist/index.js'
import { createFinishLine } from '../stopwatch.mjs'
import { tasksPerSecond } from './tasks.mjs'

const bus = createEventBus()
const runtime = new WorkflowRuntime({ bus })
const line = createFinishLine()
let finish

await runtime.register(
  {
    id: 'tasks',
    triggers: { task: { event: 'task' } },
    pipelines: { main: { id: 'main', stages: [{ id: 'only', steps: { run: async () => finish() } }] } },
  },
  { mode: { type: 'transient', concurrency: 10 }, onComplete: () => line.finished() },
)

await tasksPerSecond((count, finished) => {
  finish = finished
  const done = line.expect(count)
  for (let index = 0; index < count; index++) bus.publish('task', { index })
  return done
})
