/**
 * What recording costs: the same runs of three asynchronous stages without a timeline store, and with one in memory.
 *
 * `npx tsx bench/recording.ts [runs]`
 */
import { MemoryTimelineStore, WorkflowRuntime, createEventBus } from '../src/index.js'

const runs = Number(process.argv[2] ?? 5_000)
const ROUNDS = 15

async function measure(isRecorded: boolean): Promise<number> {
  const bus = createEventBus()
  const runtime = new WorkflowRuntime({
    bus,
    ...(isRecorded ? { timelineStore: new MemoryTimelineStore() } : {}),
  })
  const step = (name: string) => ({ id: name, steps: { [name]: () => Promise.resolve({ [name]: 1 }) } })
  let done = 0
  let finish = () => {}
  await runtime.register(
    {
      id: 'w',
      triggers: { t: { event: 'go' } },
      pipelines: { p: { id: 'p', stages: ['a', 'b', 'c'].map(step) } },
    },
    { mode: { type: 'transient', concurrency: 50 }, onComplete: () => void (++done === runs && finish()) },
  )
  const finished = new Promise<void>((resolve) => (finish = resolve))
  const start = performance.now()
  for (let n = 0; n < runs; n++) bus.publish('go', { n })
  await finished
  const elapsed = performance.now() - start
  await runtime.stop()
  return (elapsed * 1000) / runs
}

// The first runs are those of a process that has compiled nothing yet.
await measure(false)
await measure(true)

const median = (values: number[]) => values.sort((a, b) => a - b)[values.length >> 1]!
const without: number[] = []
const recorded: number[] = []
const ratios: number[] = []
for (let round = 0; round < ROUNDS; round++) {
  const [first, second] = round % 2 === 0 ? [false, true] : [true, false]
  const times = { [String(first)]: await measure(first), [String(second)]: await measure(second) }
  without.push(times['false']!)
  recorded.push(times['true']!)
  ratios.push(times['true']! / times['false']!)
}
console.log(`without  ${median(without).toFixed(1)} µs a run`)
console.log(`recorded ${median(recorded).toFixed(1)} µs a run`)
console.log(
  `ratio    ${median(ratios).toFixed(2)} (${Math.min(...ratios).toFixed(2)}–${Math.max(...ratios).toFixed(2)})`,
)
