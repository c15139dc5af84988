import { WorkflowRuntime, createEventBus, pause, workflow } from 'busline'
import { simulatedClock } from 'busline/testing'

const clock = simulatedClock()
const bus = createEventBus({ clock })
const runtime = new WorkflowRuntime({ bus, clock })
await runtime.register({
  id: 'order',
  triggers: { placed: { event: 'order:placed' } },
  pipelines: {
    main: {
      id: 'main',
      stages: [
        {
          id: 'ask',
          steps: { mark: () => ({ asked: true }) },
          router: () => pause({ until: { event: 'order:approved' }, timeout: '7d' }),
        },
        { id: 'ship', steps: { ship: ({ resume }) => ({ by: resume.event.payload.by }) } },
      ],
    },
  },
})
const completed = bus.waitFor('run:completed')
const paused = bus.waitFor('run:paused')
bus.publish('order:placed', { orderId: 'o-1' })
await paused
bus.publish('order:approved', { by: 'Ada' })
const { payload } = await completed
console.log(runtime.watch('order', payload.runId).state)
await runtime.stop()
console.log(typeof workflow)
