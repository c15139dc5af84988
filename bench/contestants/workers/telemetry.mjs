/**
 * Processor time per iteration, of both threads together: one runner that computes for some tens of microseconds each, with
 * its telemetry on the way in batches to histograms here, or kept back until the end. Time on the clock would say more about
 * who else wants the processor.
 */
import { LoadMetrics, WorkerManager } from '../../dist/workers/index.js'
import { nodeHost } from '../../dist/workers/node/index.js'
import { report } from '../stopwatch.mjs'

const isOn = process.argv[2] === 'on'
/** Enough for the compiler to be done with most of the code: the main thread sees one batch for every fifty iterations. */
const WARM_UP = 100_000
const MEASURED = 300_000

const manager = new WorkerManager({
  host: nodeHost(new URL('telemetry-thread.mjs', import.meta.url)),
  maxWorkers: 1,
  ...(isOn ? {} : { telemetry: { maxItems: 1_000_000_000, maxDelay: '1h' } }),
})
const metrics = new LoadMetrics(Date.now())
manager.on('telemetry', (snapshot) => metrics.add(snapshot))

async function microsecondsPerIteration(iterations) {
  const runner = await manager.addRunner({ testType: 'compute', executionProfile: { iterations } })
  const before = process.cpuUsage()
  await runner.start()
  const { telemetrySnapshots } = await runner.ended()
  const { user, system } = process.cpuUsage(before)
  if (telemetrySnapshots.at(-1).iterationCount !== iterations) throw new Error('Not all were counted')
  return (user + system) / iterations
}

await microsecondsPerIteration(WARM_UP)
report(await microsecondsPerIteration(MEASURED))
await manager.close()
