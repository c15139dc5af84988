import { performance } from 'node:perf_hooks'
import { report } from '../stopwatch.mjs'

const COUNT = 100_000

/** Reports tasks per second when 100 000 come at once, after a fifth of that to warm up. */
export async function tasksPerSecond(doTasks) {
  let done = 0
  const finished = () => {
    done++
  }
  await doTasks(COUNT / 5, finished)
  done = 0
  const startedAt = performance.now()
  await doTasks(COUNT, finished)
  const elapsedMs = performance.now() - startedAt
  if (done !== COUNT) throw new Error(`Only ${done} of ${COUNT} tasks were done`)
  report((COUNT / elapsedMs) * 1000)
}
