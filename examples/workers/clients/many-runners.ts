/** Many workers, many runners: placement spreads sixteen runners over four threads, and their numbers are added up. */
import { LoadMetrics } from 'busline/workers'
import { openManager } from '../open-manager.js'

const manager = openManager(4)
const metrics = new LoadMetrics(Date.now())
manager.on('telemetry', (snapshot) => metrics.add(snapshot))

await Promise.all(
  Array.from({ length: 4 }, (_, index) => manager.addWorker({ hostName: `host-${index + 1}` })),
)
const runners = await Promise.all(
  Array.from({ length: 16 }, (_, index) =>
    manager.addRunner({
      testType: index % 2 === 0 ? 'batch' : 'hash',
      executionProfile: { iterations: 25, delayBetweenIterations: 10 },
      tags: ['many'],
    }),
  ),
)
console.log(
  (await manager.startWorkers()).every(({ ok }) => ok) ? '16 runners on 4 threads' : 'not all have started',
)

const ends = await Promise.all(runners.map((runner) => runner.ended()))
const { iterations, errors, requests } = metrics.totals
console.log(`${ends.filter(({ state }) => state === 'completed').length} runners completed`)
console.log(`${iterations} iterations, ${requests} requests, ${errors} errors`)
console.log(`p99 below ten seconds: ${metrics.serviceTime.percentile(99) < 10_000}`)
console.log(`${(await manager.getArchiveList({ tag: 'many' })).length} in the archive`)
await manager.close()
