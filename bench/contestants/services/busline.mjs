/** `ctx.use` in a step, of services that are built already. */
import { WorkflowRuntime, createEventBus } from '../../dist/index.js'
import { report } from '../stopwatch.mjs'
import { KEYS, nanosecondsPerCall } from './call.mjs'

const services = Object.fromEntries(KEYS.map((key) => [key, () => ({ key })]))
const runtime = new WorkflowRuntime({ bus: createEventBus(), services })
let figure
await runtime.register({
  id: 'ask',
  triggers: { asked: { event: 'asked' } },
  pipelines: {
    main: {
      id: 'main',
      stages: [
        {
          id: 'ask',
          steps: {
            async ask({ use }) {
              await Promise.all(KEYS.map((key) => use((deps) => deps.require(key))))
              figure = nanosecondsPerCall((key) => use((deps) => deps.require(key)))
            },
          },
        },
      ],
    },
  },
})
const { ok, error } = await runtime.invoke('ask', 'asked', {})
if (!ok) throw error
await runtime.stop()
report(figure)
