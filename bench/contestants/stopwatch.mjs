import { performance } from 'node:perf_hooks'

/** Tells the harness the figure of this process: the last line of its output. `using` is the library that was there to do it. */
export function report(value, using) {
  console.log(JSON.stringify({ value, using }))
}

/** Leaves this contestant out: the harness prints why, and measures the others. */
export function leaveOut(unavailable) {
  console.log(JSON.stringify({ unavailable }))
}

/**
 * How often something is done per second. `doOnce(batch)` does it `batch` times and resolves when all are finished.
 * It is done until the compiler has settled, then for as long as it takes to be sure.
 */
export async function ratePerSecond(doOnce, { batch = 10, warmUpMs = 700, measureMs = 1500 } = {}) {
  await repeat(doOnce, batch, warmUpMs)
  const { done, elapsedMs } = await repeat(doOnce, batch, measureMs)
  return (done / elapsedMs) * 1000
}

async function repeat(doOnce, batch, ms) {
  const startedAt = performance.now()
  let done = 0
  let elapsedMs = 0
  while (elapsedMs < ms) {
    // The time is read seldom, so that fast contestants do not pay for it.
    for (let each = 0; each < 10 && elapsedMs < ms; each++) {
      await doOnce(batch)
      done += batch
    }
    elapsedMs = performance.now() - startedAt
  }
  return { done, elapsedMs }
}

/** Counts what ends, and tells when as many have ended as were announced. */
export function createFinishLine() {
  let left = 0
  let cross
  return {
    expect(count) {
      left += count
      return new Promise((resolve) => (cross = resolve))
    },
    finished() {
      if (--left === 0) cross()
    },
  }
}
