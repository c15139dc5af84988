import fc from 'fast-check'
import { expect, it } from 'vitest'
import { type Plan, planResult, planWorkflow } from 'busline/plan'
import { death, runThroughDeaths } from '../runtime/durable/through-deaths.js'
import { planArbitrary, plainErrors, toPlan } from './random-plan.js'
import { interpret } from './reference-interpreter.js'

/** Some of its steps sleep until an event comes. */
function withWaits(plan: Plan, waits: readonly boolean[]): Plan {
  const steps = plan.workflow.steps!.map((step, index) =>
    waits[index] ? { ...step, wait: { event: 'next', timeout: 'never' as const } } : step,
  )
  return { ...plan, id: 'plan', workflow: { steps } }
}

it('a plan that waits comes to the state of the naive interpreter, wherever its processes die', async () => {
  await fc.assert(
    fc.asyncProperty(
      planArbitrary,
      fc.array(fc.boolean(), { minLength: 6, maxLength: 6 }),
      fc.integer({ min: 1, max: 3 }),
      fc.array(death, { maxLength: 3 }),
      async (reference, waits, concurrency, deaths) => {
        const plan = withWaits(toPlan(reference), waits)
        const ends = await runThroughDeaths(
          {
            define: ({ clock }) =>
              planWorkflow(plan, { triggers: { go: { event: 'go' } }, concurrency, clock }),
            nudge: ({ bus }) => bus.publish('next', {}),
          },
          deaths,
        )
        const results = ends.map(({ state }) => planResult(state as never))
        expect(plainErrors(results)).toEqual(plainErrors([interpret(reference).result]))
      },
    ),
    { numRuns: 100 },
  )
})
