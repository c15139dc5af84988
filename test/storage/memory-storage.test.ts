import { describe, expect, it } from 'vitest'
import { storageConformance } from '../../src/testing/storage-conformance.js'
import { memoryStorage } from '../../src/storage/memory-storage.js'
import { describeModel } from './storage-model.js'

describe('memoryStorage()', () => {
  const create = () => ({ open: memoryStorage })
  for (const { title, run } of storageConformance('memory', create, {
    isDurable: false,
    values: 'structured-clone',
  })) {
    it(title, run)
  }

  describeModel(create, { runs: 200 })

  it('adds and finds a key among 200 000 others in microseconds', async () => {
    const storage = memoryStorage()
    const keyOf = (index: number) => `run/${((index * 7919) % 200_000).toString(36).padStart(8, '0')}`
    for (let batch = 0; batch < 200; batch++) {
      await storage.commit(
        Array.from({ length: 1000 }, (_, index) => ({
          type: 'put',
          key: keyOf(batch * 1000 + index),
          value: index,
        })),
      )
    }
    const startedAt = performance.now()
    for (let index = 0; index < 2000; index++) {
      const key = `run/${index.toString(36).padStart(8, '0')}/x`
      await storage.commit([{ type: 'put', key, value: 1 }])
      expect(await storage.scan({ prefix: key, limit: 5 })).toHaveLength(1)
    }
    // 20 times what it takes here; a scan that sorts all keys again would take 1000 times as long.
    expect((performance.now() - startedAt) / 2000).toBeLessThan(0.5)
  })
})
