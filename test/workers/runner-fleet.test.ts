import { expect, it } from 'vitest'
import { runFleet } from './runner-fleet.js'

// The full size is a command: `tsx --expose-gc bench/runner-fleet.ts`.
it('300 runners on 4 threads: every iteration is told exactly once, and pause stops all of them', async () => {
  const result = await runFleet({ hosts: 4, runners: 300, iterationsPerSecond: 3000, seconds: 3 })
  expect(result.ran).toBeGreaterThan(300)
  expect(result).toMatchObject({
    told: result.ran,
    sampled: result.ran,
    gaps: 0,
    paused: 300,
    ranWhilePaused: 0,
    stopped: 300,
    archived: 100,
  })
})
