import { describe, expect, it } from 'vitest'
import { MemoryTimelineStore, TimelinePlayer } from 'busline'
import { LoadedRun } from '../../src/inspector/model/loaded-run.js'
import { batchOf } from '../timeline/timeline-fixtures.js'

describe('LoadedRun', () => {
  it('loads page by page, and its player has the states that the store has', async () => {
    const store = new MemoryTimelineStore()
    await store.append([batchOf('r', 1, 4500, { status: 'complete' })])
    const run = new LoadedRun(store, 'r')
    const counts: number[] = []
    await run.load(() => counts.push(run.events.length))
    expect(counts).toEqual([2000, 4000, 4500])
    const player = new TimelinePlayer(store, 'r')
    for (const seq of [1, 1999, 2000, 2001, 4500, 17]) {
      await run.player.seek(seq)
      await player.seek(seq)
      expect(run.player.state).toEqual(player.state)
    }
  })

  it('goes on where it stopped while the run is recorded', async () => {
    const store = new MemoryTimelineStore()
    await store.append([batchOf('r', 1, 10)])
    const run = new LoadedRun(store, 'r')
    await run.load(() => {})
    await store.append([batchOf('r', 11, 25, { status: 'complete', previousStatus: 'recording' })])
    await run.load(() => {})
    expect(run.events.map(({ seq }) => seq)).toEqual(Array.from({ length: 25 }, (_, index) => index + 1))
    expect(run.meta?.status).toBe('complete')
    await run.player.seek(25)
    expect(run.player.state).toEqual({ count: 25 })
  })

  it('rejects with NOT_FOUND for a run that never existed', async () => {
    await expect(new LoadedRun(new MemoryTimelineStore(), 'nobody').load(() => {})).rejects.toMatchObject({
      code: 'NOT_FOUND',
    })
  })
})
