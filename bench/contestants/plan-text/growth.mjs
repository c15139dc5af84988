/**
 * `node --expose-gc growth.mjs heap|rss|cost`: what 10 000 runs of job text leave behind. `heap`, `rss`: how much more there is
 * of it after them, in MB; `cost`: how much longer the last 2 000 took than the first 2 000.
 */
import run from '../../dist/plan/index.js'
import { JOB } from './job.mjs'

const WARM_UP = 2_000
const RUNS = 10_000

const figures = {
  heap: () => process.memoryUsage().heapUsed / 2 ** 20,
  rss: () => process.memoryUsage().rss / 2 ** 20,
}
const read = figures[process.argv[2]]

async function timed(runs) {
  const startedAt = performance.now()
  for (let n = 0; n < runs; n++) await run(JOB, { data: { n } })
  return performance.now() - startedAt
}

function settled() {
  for (let each = 0; each < 3; each++) globalThis.gc()
  return read?.() ?? 0
}

await timed(WARM_UP)
const before = settled()
const first = await timed(RUNS / 5)
await timed((RUNS / 5) * 3)
const last = await timed(RUNS / 5)
const value = read ? settled() - before : last / first
console.log(JSON.stringify({ value }))
