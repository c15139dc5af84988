/**
 * Iterations per second of one runner on a thread that computes for some tens of microseconds each, with its telemetry on
 * the way in batches to histograms here, or kept back until the end.
 */
import { LoadMetrics, WorkerManager } from '../../dist/workers/index.js'
import { nodeHost } from '../../dist/workers/node/index.js'
import { report } from '../stopwatch.mjs'

const isOn = process.argv[2] === 'on'
const manager = new WorkerManager({
  host: nodeHost(new URL('telemetry-thread.mjs', import.meta.url)),
  maxWorkers: 1,
  ...(isOn ? {} : { telemetry: { maxItems: 1_000_000_000, maxDelay: '1h' } }),
})
const metrics = new LoadMetrics(Date.now())
manager.on('telemetry', (snapshot) => metrics.add(snapshot))

async function iterationsPerSecond(duration) {
  const runner = await manager.addRunner({
    testType: 'compute',
    executionProfile: { executor: 'constantVus', vus: 1, duration },
  })
  await runner.start()
  const { telemetrySnapshots } = await runner.ended()
  return telemetrySnapshots.at(-1).overallVelocity
}

await iterationsPerSecond('700ms')
report(await iterationsPerSecond('1500ms'))
await manager.close()
