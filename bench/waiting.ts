/**
 * What an event costs that resumes one of many parked runs, found by an equality condition on a value of its state:
 * with 10 runs parked, and with 10 000. The floor is a `Map` from value to callback, for the same numbers. Run it with
 * `npx tsx bench/waiting.ts`; it fails above the promised ratio.
 */
import { WorkflowRuntime, createEventBus, defineWorkflow, jump, pause } from '../src/index.js'

const PROMISED_RATIO = 3
const RESUMES = 4_000
const ROUNDS = 7
const FEW = 10
const MANY = 10_000

/** After the resume each run parks again, so that their number stays. */
const parked = defineWorkflow({
  id: 'parked',
  triggers: { placed: { event: 'placed' } },
  pipelines: {
    main: {
      id: 'main',
      initialState: ({ payload }: { payload: { id: number } }) => ({ id: payload.id }),
      maxVisits: Infinity,
      stages: [
        {
          id: 'wait',
          router: () =>
            pause({
              until: { event: 'approved', conditions: [{ field: 'id', op: '==', valueFrom: 'id' }] },
              timeout: Infinity,
            }),
        },
        { id: 'again', router: () => jump('wait') },
      ],
    },
  },
})

const quiet = { debug() {}, info() {}, warn() {}, error() {} }
/** Whatever was set in motion has come to rest. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve))

/** A runtime of so many parked runs; `resume` publishes the event that one of them waits for. */
async function park(runs: number): Promise<{ resume: (id: number) => void; stop: () => Promise<void> }> {
  const bus = createEventBus<{ placed: { id: number }; approved: { id: number } }>()
  const runtime = new WorkflowRuntime({ bus, logger: quiet })
  await runtime.register(parked)
  for (let id = 0; id < runs; id++) bus.publish('placed', { id })
  await settled()
  const paused = runtime.listAllRuns().filter(({ status }) => status === 'paused').length
  if (paused !== runs) throw new Error(`${paused} of ${runs} runs are parked`)
  return { resume: (id) => void bus.publish('approved', { id }), stop: () => runtime.stop() }
}

function floorOf(runs: number): (id: number) => void {
  let resumed = 0
  const waiting = new Map(Array.from({ length: runs }, (_, id) => [id, () => void resumed++]))
  return (id) => waiting.get(id)!()
}

/** Microseconds per event. Ten at a time, each for another run, as they would come. */
async function measure(runs: number, resume: (id: number) => void): Promise<number> {
  const startedAt = performance.now()
  for (let count = 0; count < RESUMES; count += FEW) {
    for (let next = 0; next < FEW; next++) resume(((count + next) * 7919) % runs)
    await settled()
  }
  return ((performance.now() - startedAt) * 1000) / RESUMES
}

const few = await park(FEW)
const many = await park(MANY)
const best = { floorFew: Infinity, floorMany: Infinity, few: Infinity, many: Infinity }
for (let round = 0; round < ROUNDS; round++) {
  best.few = Math.min(best.few, await measure(FEW, few.resume))
  best.many = Math.min(best.many, await measure(MANY, many.resume))
  best.floorFew = Math.min(best.floorFew, await measure(FEW, floorOf(FEW)))
  best.floorMany = Math.min(best.floorMany, await measure(MANY, floorOf(MANY)))
}
await few.stop()
await many.stop()

const ratio = best.many / best.few
const figures = Object.fromEntries(Object.entries(best).map(([name, us]) => [`${name}Us`, us.toFixed(2)]))
console.log(
  JSON.stringify({
    bench: `publish → resume with ${FEW} and with ${MANY} parked runs`,
    ...figures,
    ratio: ratio.toFixed(2),
    promised: PROMISED_RATIO,
  }),
)
if (ratio > PROMISED_RATIO) process.exitCode = 1
