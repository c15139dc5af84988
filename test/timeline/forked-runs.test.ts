import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { StoredTimelineStore } from '../../src/timeline/stored-timeline-store.js'
import { TimelinePlayer } from '../../src/timeline/timeline-player.js'
import { openRuntime } from '../runtime/open-runtime.js'
import { type PlanHooks, pipelineOf, randomPlan } from './random-pipeline.js'
import { jsonStorage } from './timeline-fixtures.js'

/** Where a run is forked: so far into its timeline, by event or by stage, with its state or another. */
const cut = fc.record({
  run: fc.nat(),
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  by: fc.constantFrom('seq', 'stageId'),
  state: fc.option(fc.integer(), { nil: undefined }),
})

/** What an attempt of a step of the run itself saw. */
interface Seen {
  readonly stageId: string
  readonly state: unknown
}

type Plan = Parameters<typeof pipelineOf>[0]

const numberOf = (stageId: string) => Number(stageId.slice(1))

/** Whether something happened in the run itself rather than in a child: `s1/a`, and not `s1/s1-x/c0/a`. */
const isRoot = ({ path }: Readonly<Record<string, unknown>>) => String(path).split('/').length === 2

/** A runtime with one workflow, whose steps say what they see. */
async function openPlan(stages: Plan, snapshotInterval: number) {
  const seen = new Map<string, Seen[]>()
  const timelineStore = new StoredTimelineStore(jsonStorage())
  const { runtime, clock } = openRuntime({ timelineStore, timeline: { snapshotInterval } })
  const hooks: PlanHooks = {
    signal: (runId, patch) => runtime.signal(runId, patch),
    begin: ({ runId, state }, stageId) =>
      void seen.set(runId, [...(seen.get(runId) ?? []), { stageId, state: structuredClone(state) }]),
  }
  await runtime.register({
    id: 'orders',
    triggers: { go: { event: 'go' } },
    pipelines: { main: pipelineOf(stages, hooks) },
  })
  /** Goes on with a run until it has ended, however often it pauses; returns its last state. */
  const finish = async (runId: string) => {
    for (let turn = 0; turn < 40; turn++) {
      await clock.settle()
      const info = runtime.listAllRuns().find((run) => run.runId === runId)!
      if (info.status !== 'paused') return info.state
      await runtime.resume(runId)
    }
    await runtime.abort(runId)
    return runtime.listAllRuns().find((run) => run.runId === runId)!.state
  }
  const seenBy = (runId: string) => seen.get(runId) ?? []
  return { runtime, clock, timelineStore, finish, seenBy }
}

describe('the timelines of forks', () => {
  it('hold the states that the forks had, as those of the runs they come from do', async () => {
    const count = { forks: 0, ofForks: 0, paused: 0 }
    const property = fc.asyncProperty(
      randomPlan,
      fc.integer({ min: 1, max: 30 }),
      fc.array(cut, { minLength: 1, maxLength: 4 }),
      async (stages, snapshotInterval, cuts) => {
        const { runtime, clock, timelineStore, finish, seenBy } = await openPlan(stages, snapshotInterval)
        const runIds = [(await runtime.invoke('orders', 'go', {})).metadata.runId]
        const last = new Map([[runIds[0]!, await finish(runIds[0]!)]])
        /** The state that a fork must have had at its first event, by its id. */
        const beginnings = new Map<string, unknown>()
        for (const { run, at, by, state } of cuts) {
          // Of the run, or of a fork of it.
          const parentId = runIds[run % runIds.length]!
          await clock.advance('1s')
          const events = await timelineStore.getEvents(parentId)
          const index = Math.min(events.length - 1, Math.floor(at * events.length))
          const visit = events.findLast(
            ({ seq, type, payload }) =>
              seq <= index + 1 && type === 'stage:start' && payload['path'] === undefined,
          )
          const point =
            by === 'seq' || visit === undefined
              ? { seq: index + 1 }
              : { stageId: visit.payload['stageId'] as string }
          const edited = state === undefined ? undefined : { log: [], items: [state], edited: state }
          const forked = await runtime.fork(parentId, { ...point, ...(edited ? { state: edited } : {}) })
          if (!forked.ok) {
            // So few are that in some rounds there is none: not counted.
            expect(forked.error.code).toBe('INVALID_COMMAND')
            continue
          }
          const { runId } = forked.value
          last.set(runId, await finish(runId))
          runIds.push(runId)
          count.forks++
          if (parentId !== runIds[0]) count.ofForks++
          await clock.advance('1s')
          const meta = (await timelineStore.getRunMeta(runId))!
          expect(meta.metadata).toMatchObject({ parentRunId: parentId })
          const parent = new TimelinePlayer(timelineStore, parentId)
          await parent.seek(meta.metadata!['parentSeq'] as number)
          beginnings.set(runId, edited ?? parent.state)
          // What was committed before is data, and not executed again.
          const decided = events.findLast(
            ({ seq, type, payload }) =>
              seq <= parent.position && type === 'router:evaluated' && payload['path'] === undefined,
          )
          const first = events.find(({ type }) => type === 'stage:start')
          const next = (decided?.payload['next'] ?? first?.payload['stageId']) as string
          expect(seenBy(runId).filter(({ stageId }) => numberOf(stageId) < numberOf(next))).toEqual([])
        }
        await runtime.stop()

        for (const runId of runIds) {
          const events = await timelineStore.getEvents(runId)
          const player = new TimelinePlayer(timelineStore, runId)
          if (beginnings.has(runId)) {
            await player.seek(1)
            expect(player.state).toEqual(beginnings.get(runId))
          }
          const starts = events.filter(({ type, payload }) => type === 'step:start' && isRoot(payload))
          const seen = seenBy(runId)
          expect(starts.map(({ payload }) => payload['stageId'])).toEqual(seen.map(({ stageId }) => stageId))
          for (const [index, { seq }] of starts.entries()) {
            await player.seek(seq)
            expect(player.state).toEqual(seen[index]!.state)
          }
          await player.seek(events.length)
          expect(player.state).toEqual(last.get(runId))
          if (events.some(({ type }) => type === 'pipeline:pause')) count.paused++
        }
      },
    )
    await fc.assert(property, { numRuns: 80 })
    // The cuts were not too tame to prove anything.
    for (const [what, times] of Object.entries(count)) expect(times, what).toBeGreaterThan(0)
  }, 240_000)
})
