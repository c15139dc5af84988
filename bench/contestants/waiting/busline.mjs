/** `node busline.mjs RUNS`: so many parked runs, each of which waits for an event that names a value of its state. */
import { WorkflowRuntime, createEventBus, jump, pause } from '../../dist/index.js'
import { report } from '../stopwatch.mjs'
import { microsecondsPerResume, settled } from './resumes.mjs'

const runs = Number(process.argv[2])
const silent = () => {}
const bus = createEventBus()
const runtime = new WorkflowRuntime({
  bus,
  logger: { debug: silent, info: silent, warn: silent, error: silent },
})
const until = { event: 'approved', conditions: [{ field: 'id', op: '==', valueFrom: 'id' }] }

// After the resume each run parks again, so that their number stays.
await runtime.register({
  id: 'parked',
  triggers: { placed: { event: 'placed' } },
  pipelines: {
    main: {
      id: 'main',
      initialState: ({ payload }) => ({ id: payload.id }),
      maxVisits: Infinity,
      stages: [
        { id: 'wait', router: () => pause({ until, timeout: Infinity }) },
        { id: 'again', router: () => jump('wait') },
      ],
    },
  },
})
for (let id = 0; id < runs; id++) bus.publish('placed', { id })
await settled()
const parked = runtime.listAllRuns().filter(({ status }) => status === 'paused').length
if (parked !== runs) throw new Error(`${parked} of ${runs} runs are parked`)
report(await microsecondsPerResume(runs, (id) => bus.publish('approved', { id })))
await runtime.stop()
