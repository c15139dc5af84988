import fc from 'fast-check'
import { expect, it } from 'vitest'
import { compilePlan, run } from 'busline/plan'
import { planArbitrary, plainErrors, toPlan } from './random-plan.js'
import { interpret } from './reference-interpreter.js'

it('any plan comes to the state of the naive interpreter, by the same events in the same order', async () => {
  await fc.assert(
    fc.asyncProperty(planArbitrary, async (reference) => {
      const expected = interpret(reference)
      const events: string[] = []
      const result = await run(
        toPlan(reference),
        { data: {} },
        {
          callbacks: {
            notify: (name, payload) => {
              const { jobId, next } = payload as { jobId: string; next?: readonly string[] }
              events.push(`${name} ${jobId}${next ? ` -> ${next.join()}` : ''}`)
            },
          },
        },
      )
      expect(events).toEqual(expected.events)
      expect(plainErrors(result)).toEqual(plainErrors(expected.result))
    }),
    { numRuns: 500 },
  )
})

it('any plan comes to the same state when the jobs of a level run at once, its keys in the same order', async () => {
  await fc.assert(
    fc.asyncProperty(planArbitrary, fc.integer({ min: 2, max: 4 }), async (reference, concurrency) => {
      const plan = toPlan(reference)
      const inSeries = await run(plan, { data: {} })
      const atOnce = await compilePlan(plan, { concurrency }).run({ data: {} })
      expect(JSON.stringify(plainErrors(atOnce))).toBe(JSON.stringify(plainErrors(inSeries)))
    }),
    { numRuns: 300 },
  )
})

it('a plan that is run twice at the same time is two runs', async () => {
  await fc.assert(
    fc.asyncProperty(planArbitrary, async (reference) => {
      const compiled = compilePlan(toPlan(reference))
      const [one, other] = await Promise.all([compiled.run({ data: {} }), compiled.run({ data: {} })])
      expect(one).toEqual(other)
      expect(plainErrors(one)).toEqual(plainErrors(interpret(reference).result))
    }),
    { numRuns: 100 },
  )
})
