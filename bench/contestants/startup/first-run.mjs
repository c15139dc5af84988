/** Milliseconds from the beginning of `import 'busline'` to the end of the first run. */
import { performance } from 'node:perf_hooks'
import { report } from '../stopwatch.mjs'

const startedAt = performance.now()
const { WorkflowRuntime, createEventBus } = await import('../../dist/index.js')
const bus = createEventBus()
const runtime = new WorkflowRuntime({ bus })
await new Promise((resolve) => {
  void runtime
    .register(
      {
        id: 'hello',
        triggers: { hello: { event: 'hello' } },
        pipelines: { main: { id: 'main', stages: [{ id: 'only', steps: { run: () => ({ done: true }) } }] } },
      },
      { onComplete: resolve },
    )
    .then(() => bus.publish('hello', {}))
})
report(performance.now() - startedAt)
