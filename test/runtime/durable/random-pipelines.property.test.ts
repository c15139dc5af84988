import fc from 'fast-check'
import { expect, it } from 'vitest'
import { pipelineOf, randomPlan } from '../../timeline/random-pipeline.js'
import { type MortalRun, death, runThroughDeaths } from './through-deaths.js'

type Stages = Parameters<typeof pipelineOf>[0]

/** Whose retries are used up depends on its deaths: each attempt that is cut off is counted, and is no retry. */
const lasting = (stages: Stages): Stages =>
  stages.map(([kind, size]) => [kind, kind === 'retry' ? Math.min(size, 3) : size])

/** Goes on whenever it is paused. */
const mortal = (stages: Stages): MortalRun => ({
  define: ({ runtime }) => ({
    id: 'orders',
    triggers: { go: { event: 'go' } },
    pipelines: { main: pipelineOf(stages, { signal: (runId, patch) => runtime.signal(runId, patch) }) },
  }),
  nudge: ({ runtime }) => {
    for (const { runId, status } of runtime.listAllRuns()) if (status === 'paused') void runtime.resume(runId)
  },
})

it('a run comes to the end that it would come to alone, wherever its processes die', async () => {
  await fc.assert(
    fc.asyncProperty(
      randomPlan.map(lasting),
      fc.array(death, { minLength: 1, maxLength: 3 }),
      async (stages, deaths) => {
        const undisturbed = await runThroughDeaths(mortal(stages), [])
        expect(undisturbed).toHaveLength(1)
        expect(await runThroughDeaths(mortal(stages), deaths)).toEqual(undisturbed)
      },
    ),
    { numRuns: 100 },
  )
})
