import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { pause } from '../../src/pipeline/instruction.js'
import type { AnyPipeline, AnyStage } from '../../src/pipeline/pipeline-definition.js'
import type { PipelineRun } from '../../src/pipeline/pipeline-run.js'
import type { StepContext } from '../../src/pipeline/step-context.js'
import { simulatedClock } from '../../src/testing/index.js'
import { StoredTimelineStore } from '../../src/timeline/stored-timeline-store.js'
import { TimelinePlayer } from '../../src/timeline/timeline-player.js'
import { TimelineRecorder } from '../../src/timeline/timeline-recorder.js'
import { drive } from '../pipeline/hand-driven.js'
import { jsonStorage } from './timeline-fixtures.js'

type Draft = Record<string, unknown> & { log: unknown[] }

/** What a random stage does, and how much. */
const stageKind = fc.constantFrom('write', 'both', 'retry', 'fan', 'each', 'pause', 'signal', 'fail')
const plan = fc.array(fc.tuple(stageKind, fc.nat(4)), { minLength: 1, maxLength: 12 })

/** The pipeline of a random plan; `runOf` gives its run once there is one. */
function pipelineOf(stages: readonly (readonly [string, number])[], runOf: () => PipelineRun): AnyPipeline {
  const write = (id: string) => () => (draft: Draft) => {
    draft.log.push(id)
    draft[id] = { visits: draft.log.length, nested: [draft.log.length] }
  }
  const child = (id: string, size: number) => ({
    id,
    initialState: { log: [] },
    stages: Array.from({ length: size + 1 }, (_, index) => ({
      id: `c${index}`,
      steps: { a: write(`c${index}`) },
      ...(index === 1 ? { router: () => pause({ timeout: Infinity }) } : {}),
    })),
  })
  return {
    id: 'main',
    initialState: { log: [], items: [1, 2] },
    compensate: true,
    stages: stages.map(([kind, size], index): AnyStage => {
      const id = `s${index}`
      switch (kind) {
        case 'both':
          return {
            id,
            steps: {
              a: () => ({ [`${id}.a`]: size }),
              b: { action: write(id), compensate: () => (draft: Draft) => void draft.log.splice(0, 1) },
            },
          }
        case 'retry': {
          const action = (ctx: StepContext) => {
            ctx.logger.warn('trying', { attempt: ctx.attempt })
            if (ctx.attempt <= size) throw new Error(`attempt ${ctx.attempt}`)
            return write(id)()
          }
          return { id, steps: { a: { action, retry: 3 } } }
        }
        case 'fan':
          return { id, pipelines: [child(`${id}-x`, size), child(`${id}-y`, 0)] }
        case 'each':
          return {
            id,
            forEach: (state: { items: unknown[] }) => state.items.slice(0, size),
            steps: { a: write(id) },
          }
        case 'pause':
          return { id, steps: { a: write(id) }, router: () => pause({ timeout: Infinity }) }
        case 'signal': {
          const action = () => {
            void runOf().signal({ signalled: size, items: [size, { deep: size }] })
            return write(id)()
          }
          return { id, steps: { a: action } }
        }
        case 'fail':
          return { id, steps: { a: () => (size === 4 ? Promise.reject(new Error('no')) : { [id]: size }) } }
        default:
          return { id, steps: { a: write(id) } }
      }
    }),
  }
}

describe('the timeline of a pipeline', () => {
  it('holds the state that the run had at every commit, through children, retries, signals, pauses and sagas', async () => {
    const seen = new Set<string>()
    const property = fc.asyncProperty(
      plan,
      fc.integer({ min: 1, max: 30 }),
      async (stages, snapshotInterval) => {
        const clock = simulatedClock()
        const store = new StoredTimelineStore(jsonStorage())
        const recorder = new TimelineRecorder({ store, clock, snapshotInterval })
        const recording = recorder.open({ runId: 'run-1', workflowId: 'orders', pipelineId: 'main' })
        let recorded = 0
        /** The state of the run itself, by the number of events that were recorded then. */
        const truth = new Map<number, unknown>()
        const driven = drive(
          pipelineOf(stages, () => driven.run),
          {
            clock,
            record: (...args) => {
              recorded++
              seen.add(args[1])
              recording.record(...args)
            },
            commit: () => void truth.set(recorded, driven.run.checkpoint().state),
          },
        )
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
