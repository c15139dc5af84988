import { setImmediate } from 'node:timers/promises'
import { report } from '../stopwatch.mjs'

const BATCH = 100
const FIRST = 1000

/** Reports by how many MB the heap has grown between the first 1 000 runs and all of them. Needs `--expose-gc`. */
export async function heapGrowth(doRuns) {
  const total = Number(process.argv[2])
  for (let done = 0; done < FIRST; done += BATCH) await doRuns(BATCH)
  const before = await heapMb()
  for (let done = FIRST; done < total; done += BATCH) await doRuns(BATCH)
  report((await heapMb()) - before)
}

async function heapMb() {
  for (let round = 0; round < 4; round++) {
    await setImmediate()
    globalThis.gc()
  }
  return process.memoryUsage().heapUsed / 1024 / 1024
}
