import { performance } from 'node:perf_hooks'

const RESUMES = 4_000
const ROUNDS = 7
const AT_ONCE = 10

/** Whatever was set in motion has come to rest. */
export const settled = () => new Promise((resolve) => setImmediate(resolve))

/** Microseconds per event, ten at a time, each for another run, as they would come: the best of several rounds. */
export async function microsecondsPerResume(runs, resume) {
  let best = Infinity
  for (let round = 0; round < ROUNDS; round++) {
    const startedAt = performance.now()
    for (let count = 0; count < RESUMES; count += AT_ONCE) {
      for (let next = 0; next < AT_ONCE; next++) resume(((count + next) * 7919) % runs)
      await settled()
    }
    best = Math.min(best, ((performance.now() - startedAt) * 1000) / RESUMES)
  }
  return best
}
