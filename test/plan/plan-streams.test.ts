import fc from 'fast-check'
import { expect, it } from 'vitest'
import { PlanMachine, type Step, type Work } from './plan-machine.js'

const SIZE = 4

type Command =
  | { readonly do: 'run' | 'prepare' | 'dispose' | 'toggle' }
  | { readonly do: 'abort'; readonly pick: number }
  | { readonly do: 'pass'; readonly ms: number }
  | { readonly do: 'turn'; readonly turns: number }

const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('run' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('abort' as const), pick: fc.nat(9) }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constantFrom('prepare' as const, 'dispose' as const, 'toggle' as const) }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(0, 1, 2, 50) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('turn' as const), turns: fc.nat(12) }) },
)

const step = (index: number): fc.Arbitrary<Step> =>
  fc.record({
    work: fc.constantFrom<Work>('quick', 'wait', 'fail', 'fail once', 'hang', 'ignore', 'text', 'text'),
    join: fc.constantFrom('each', 'all'),
    edges: fc
      .subarray(Array.from({ length: SIZE - index - 1 }, (_, offset) => index + 1 + offset))
      .chain((targets) =>
        fc.tuple(
          ...targets.map((to) =>
            fc.record({ to: fc.constant(to), when: fc.constantFrom('always', 'yes', 'no') }),
          ),
        ),
      ),
  })
const stream = fc.record({
  steps: fc.tuple(...Array.from({ length: SIZE }, (_, index) => step(index))),
  concurrency: fc.constantFrom(1, 2),
  commands: fc.array(command, { minLength: 2, maxLength: 16, size: 'max' }),
})

async function play(machine: PlanMachine, each: Command): Promise<void> {
  if (each.do === 'pass') return machine.clock.advance(each.ms)
  if (each.do === 'abort') return machine.abort(each.pick)
  if (each.do !== 'turn') return machine[each.do]()
  for (let turn = 0; turn < each.turns; turn++) await Promise.resolve()
}

it('runs of one plan that nobody waits for: each ends, at once when it is aborted, and as it would alone', async () => {
  await fc.assert(
    fc.asyncProperty(stream, async ({ steps, concurrency, commands }) => {
      const alone = new PlanMachine(steps, concurrency)
      alone.run()
      await alone.rest()
      const machine = new PlanMachine(steps, concurrency)
      for (const each of commands) await play(machine, each)
      await machine.rest()
      expect(machine.faults).toEqual([])
      const undisturbed = machine.outcomes.filter(({ isDisturbed }) => !isDisturbed)
      for (const { outcome } of undisturbed) expect(outcome).toBe(alone.outcomes[0]!.outcome)
    }),
    { numRuns: 100 },
  )
})
