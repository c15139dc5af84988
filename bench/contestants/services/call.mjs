import { performance } from 'node:perf_hooks'

export const KEYS = Array.from({ length: 64 }, (_, index) => `service-${index}`)
const CALLS = 2_000_000
const ROUNDS = 5

/** Nanoseconds per call, with a key that differs from that of the call before: the best of several rounds. */
export function nanosecondsPerCall(call) {
  let best = Infinity
  let kept
  for (let round = 0; round < ROUNDS; round++) {
    const startedAt = performance.now()
    for (let index = 0; index < CALLS; index++) kept = call(KEYS[index & 63])
    best = Math.min(best, ((performance.now() - startedAt) * 1e6) / CALLS)
  }
  if (kept === undefined) throw new Error('Nothing was found')
  return best
}
