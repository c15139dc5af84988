import { describe, expect, it } from 'vitest'
import { newerOf } from '../../src/inspector/model/newer-of.js'
import { metaOf } from '../timeline/timeline-fixtures.js'

describe('newerOf()', () => {
  const early = metaOf('r', { eventCount: 3 })
  const asleep = metaOf('r', { eventCount: 5, status: 'paused' })
  const ended = metaOf('r', { eventCount: 5, status: 'complete' })

  it('takes the answer that was read later, whichever arrived first', () => {
    for (const [before, after] of [
      [early, asleep],
      [early, ended],
      [asleep, ended],
    ] as const) {
      expect(newerOf(before, after)).toBe(after)
      expect(newerOf(after, before)).toBe(after)
    }
    expect(newerOf(early, undefined)).toBe(early)
    expect(newerOf(asleep, metaOf('r', { eventCount: 5 }))).toBe(asleep)
  })
})
