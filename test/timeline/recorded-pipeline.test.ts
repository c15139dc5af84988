import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { simulatedClock } from '../../src/testing/index.js'
import { StoredTimelineStore } from '../../src/timeline/stored-timeline-store.js'
import { TimelinePlayer } from '../../src/timeline/timeline-player.js'
import { TimelineRecorder } from '../../src/timeline/timeline-recorder.js'
import { drive } from '../pipeline/hand-driven.js'
import { pipelineOf, randomPlan } from './random-pipeline.js'
import { jsonStorage } from './timeline-fixtures.js'

describe('the timeline of a pipeline', () => {
  it('holds the state that the run had at every commit, through children, retries, signals, pauses and sagas', async () => {
    const seen = new Set<string>()
    const property = fc.asyncProperty(
      randomPlan,
      fc.integer({ min: 1, max: 30 }),
      async (stages, snapshotInterval) => {
        const clock = simulatedClock()
        const store = new StoredTimelineStore(jsonStorage())
        const recorder = new TimelineRecorder({ store, clock, snapshotInterval })
        const recording = recorder.open({ runId: 'run-1', workflowId: 'orders', pipelineId: 'main' })
        let recorded = 0
        /** The state of the run itself, by the number of events that were recorded then. */
        const truth = new Map<number, unknown>()
        const driven = drive(pipelineOf(stages, { signal: (_runId, patch) => driven.run.signal(patch) }), {
          clock,
          record: (...args) => {
            recorded++
            seen.add(args[1])
            recording.record(...args)
          },
          commit: () => void truth.set(recorded, driven.run.checkpoint().state),
        })
        for (let turn = 0; turn < 40 && !driven.run.hasEnded; turn++) {
          await driven.finish()
          truth.set(recorded, driven.run.state)
          if (driven.run.status !== 'paused') break
          recording.setStatus('paused')
          recording.setStatus('recording')
          // Whatever waits, the run itself or a child of it, goes on.
          const path = driven.run.waiting()[0]?.path ?? ''
          driven.run.resume({ kind: 'manual' }, { path })
        }
        recording.setStatus('complete')
        await recorder.close()

        expect((await store.getRunMeta('run-1'))!.eventCount).toBe(recorded)
        const player = new TimelinePlayer(store, 'run-1')
        for (const [seq, state] of truth) {
          await player.seek(seq)
          expect(player.state).toEqual(state)
        }
        expect(truth.size).toBeGreaterThan(0)
      },
    )
    await fc.assert(property, { numRuns: 150 })
    // The plans were not too tame to prove anything.
    const expected = ['step:retry', 'state:signal', 'subpipeline:join', 'pipeline:pause', 'pipeline:failure']
    expect([...seen]).toEqual(expect.arrayContaining(expected))
  })
})
