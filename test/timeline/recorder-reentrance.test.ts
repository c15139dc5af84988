import { describe, expect, it } from 'vitest'
import { simulatedClock } from '../../src/testing/index.js'
import { MemoryTimelineStore } from '../../src/timeline/memory-timeline-store.js'
import type { RunRecording } from '../../src/timeline/run-recording.js'
import { TimelineRecorder } from '../../src/timeline/timeline-recorder.js'

const RUN = { runId: 'run', workflowId: 'orders', pipelineId: 'main' }

describe('a TimelineRecorder that is called from where it calls', () => {
  it('closes once the store has everything, for everybody who closes it', async () => {
    const clock = simulatedClock()
    const store = new MemoryTimelineStore()
    const append = store.append.bind(store)
    store.append = async (batches) => {
      await new Promise<void>((resolve) => void clock.setTimeout(resolve, 1000))
      await append(batches)
    }
    const recorder = new TimelineRecorder({ store, clock })
    recorder.open(RUN).record('pipeline', 'pipeline:start', {})
    const ends: string[] = []
    void recorder.close().then(() => ends.push('first'))
    void recorder.close().then(() => ends.push('second'))
    await clock.advance('999ms')
    expect(ends).toEqual([])
    await clock.advance('1ms')
    expect(ends).toEqual(['first', 'second'])
    expect(store.size.events).toBe(1)
  })

  it.each([
    ['ends the run', (run: RunRecording) => run.setStatus('complete'), { status: 'complete', eventCount: 1 }],
    [
      'records more than there is room for',
      (run: RunRecording) => {
        for (const value of [1, 2, 3]) run.record('pipeline', 'step:start', { value })
      },
      { status: 'recording', lostEvents: 2, eventCount: 2 },
    ],
  ])('stores what becomes of a run when a sink %s', async (_case, act, expected) => {
    const clock = simulatedClock()
    const store = new MemoryTimelineStore()
    let isFirst = true
    const take = () => {
      if (isFirst) act(recording)
      isFirst = false
    }
    const recorder = new TimelineRecorder({ store, clock, sinks: [{ take }], maxBufferedEvents: 2 })
    const recording = recorder.open(RUN)
    recording.record('pipeline', 'pipeline:start', {})
    await clock.advance('10s')
    expect(await store.getRunMeta('run')).toMatchObject(expected)
    await recorder.close()
    expect(clock.pendingTimers).toBe(0)
  })

  it.each(['flush', 'close'] as const)('lets a sink and onLoss call %s()', async (call) => {
    const clock = simulatedClock()
    const store = new MemoryTimelineStore()
    const calls: Promise<void>[] = []
    const again = () => void calls.push(recorder[call]())
    const recorder = new TimelineRecorder({
      store,
      clock,
      sinks: [{ take: again }],
      onLoss: again,
      maxBufferedEvents: 2,
    })
    const recording = recorder.open(RUN)
    for (const value of [1, 2, 3]) recording.record('pipeline', 'step:start', { value })
    await clock.advance('10s')
    await Promise.all(calls)
    expect(calls.length).toBeGreaterThan(0)
    await recorder.close()
    expect(clock.pendingTimers).toBe(0)
    expect(await store.getRunMeta('run')).toMatchObject({ eventCount: 2, lostEvents: 1 })
  })
})
