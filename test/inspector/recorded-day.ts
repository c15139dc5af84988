import { MemoryTimelineStore, type StepContext, type WorkflowDefinition, pause } from 'busline'
import { openRuntime } from '../runtime/open-runtime.js'

/** A retry, a wait, a loop and two children: what the views of a run are made of. */
export const workflow: WorkflowDefinition = {
  id: 'orders',
  label: 'Orders',
  version: '2',
  triggers: { placed: { event: 'order:placed', key: ({ payload }) => (payload as { guest: string }).guest } },
  pipelines: {
    main: {
      id: 'main',
      initialState: { n: 0 },
      stages: [
        {
          id: 'count',
          steps: {
            add: {
              retry: { limit: 1, delay: 500 },
              action: ({ attempt, logger, state }: StepContext) => {
                logger.info('adding', { attempt })
                if (attempt === 1 && state['n'] === 0) throw new Error('once')
                return { n: Number(state['n']) + 1 }
              },
            },
          },
          router: ({ state }: { state: { n: number } }) => (state.n < 2 ? 'count' : 'ask'),
        },
        { id: 'ask', router: () => pause({ until: { event: 'order:approved' }, timeout: '1h' }) },
        {
          id: 'fan',
          forEach: () => ['a', 'b'],
          pipelines: [{ id: 'child', stages: [{ id: 'only', steps: { s: () => ({ ok: true }) } }] }],
        },
      ],
    },
  },
}

/** A runtime in which one run has ended, one waits, and a third event waits for its turn. */
export async function recordDay() {
  const timelineStore = new MemoryTimelineStore()
  const opened = openRuntime({ timelineStore })
  const { bus, clock, runtime } = opened
  await runtime.register(workflow, { mode: { type: 'serialized', capacity: 1 } })
  bus.publish('order:placed', { guest: 'Aiko' })
  await clock.advance('1s')
  bus.publish('order:approved', {})
  await clock.advance('1s')
  for (let index = 0; index < 3; index++) bus.publish('order:placed', { guest: 'Bram' })
  await clock.advance('2s')
  const [ended, waiting] = [...runtime.listAllRuns()].sort((a, b) => a.startedAt - b.startedAt)
  return { ...opened, timelineStore, ended: ended!, waiting: waiting! }
}
