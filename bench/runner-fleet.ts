/**
 * 1 000 runners on 4 threads at 10 000 iterations per second in total: whether the counts add up, how long a pause of all takes, and
 * what becomes of the heap.
 *
 * `node --expose-gc --import tsx bench/runner-fleet.ts [seconds]`
 */
import { runFleet } from '../test/workers/runner-fleet.js'

const seconds = Number(process.argv[2] ?? 30)
const result = await runFleet({
  hosts: 4,
  runners: 1000,
  iterationsPerSecond: 10_000,
  seconds,
  onSecond(second, told, heapMb) {
    if (second % 5 === 0) console.log(`${second} s: ${told} iterations told, heap ${heapMb.toFixed(1)} MB`)
  },
})

const { ran, told, sampled, gaps, pauseMs, heapMb } = result
console.log(`iterations run ${ran}, told ${told}, sampled ${sampled}, gaps ${gaps}`)
console.log(`rate ${Math.round(ran / result.seconds)} iterations/s over ${result.seconds.toFixed(1)} s`)
console.log(`pause of ${result.paused} runners settled in ${pauseMs.toFixed(0)} ms`)
console.log(
  `heap ${heapMb[Math.min(4, heapMb.length - 1)]!.toFixed(1)} MB at 5 s, ${heapMb.at(-1)!.toFixed(1)} MB at the end`,
)
if (ran !== told || ran !== sampled || gaps !== 0) {
  console.error('The counts do not add up')
  process.exitCode = 1
}
