import { describe, expect, it } from 'vitest'
import { simulatedClock } from '../../src/testing/index.js'
import { STORES, batchOf } from './timeline-fixtures.js'

describe.each(STORES)('prunes of %s at once', (_name, createStore) => {
  it.each([{ maxRuns: 3 }, { maxBytes: 2_000 }])(
    'delete what one of them would, and count it once: %j',
    async (bounds) => {
      const [alone, both] = [createStore(simulatedClock()), createStore(simulatedClock())]
      for (const store of [alone, both]) {
        for (const runId of ['a', 'b', 'c', 'd', 'e', 'f', 'g']) {
          await store.append([batchOf(runId, 1, 3, { status: 'complete', endTime: 2_000 })])
        }
      }
      const expected = await alone.prune(bounds)
      expect(expected.runs).toBeGreaterThan(0)
      const [first, second] = await Promise.all([both.prune(bounds), both.prune(bounds)])
      expect(await both.listRuns()).toEqual(await alone.listRuns())
      expect(first.runs + second.runs).toBe(expected.runs)
    },
  )
})
