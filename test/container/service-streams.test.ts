import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { ArtifactContainer } from '../../src/container/artifact-container.js'
import { type Behaviour, type Call, ServiceMachine, turns } from './service-machine.js'

const SIZE = 4

/** What can happen. Nobody waits for what it comes to; `at` chooses a container. */
type Command =
  | {
      readonly do: 'require' | 'invalidate' | 'watch'
      readonly at: number
      readonly key: number
      readonly params?: number | undefined
    }
  | { readonly do: 'override'; readonly at: number; readonly key: number; readonly behaviour: Behaviour }
  | { readonly do: 'dispose'; readonly at: number }
  | { readonly do: 'pass'; readonly ms: number }
  | { readonly do: 'turn'; readonly turns: number }

const key = fc.nat(SIZE - 1)
const at = fc.nat(3)
const call: fc.Arbitrary<Call> = fc.record({
  needs: fc.uniqueArray(key, { maxLength: 2 }),
  before: fc.constantFrom(0, 0, 5),
  after: fc.constantFrom(0, 0, 5),
  end: fc.constantFrom('value', 'value', 'value', 'throw', 'hang', 'stream'),
  cleanup: fc.constantFrom('quick', 'slow', 'throw'),
  bySignal: fc.boolean(),
})
const behaviour: fc.Arbitrary<Behaviour> = fc.record({
  scope: fc.constantFrom('workflow', 'workflow', 'run', 'transient'),
  lazy: fc.boolean(),
  retries: fc.nat(1),
  maxInstances: fc.constantFrom(1, 2),
  calls: fc.array(call, { minLength: 1, maxLength: 3 }),
})
const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('require' as const),
      at,
      key,
      params: fc.constantFrom(undefined, undefined, 1, 2),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constantFrom('invalidate' as const, 'watch' as const), at, key }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('override' as const), at, key, behaviour }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('dispose' as const), at }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(0, 2, 5, 60) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('turn' as const), turns: fc.nat(8) }) },
)
const stream = fc.record({
  services: fc.array(fc.tuple(fc.nat(1), behaviour), { minLength: SIZE, maxLength: SIZE }),
  commands: fc.array(command, { minLength: 2, maxLength: 20, size: 'max' }),
})

/** Global, workflow and two runs. */
const NAMES = ['global', 'workflow', 'run a', 'run b']
const INSIDE = [NAMES, NAMES.slice(1), ['run a'], ['run b']]

async function play(
  machine: ServiceMachine,
  containers: readonly ArtifactContainer[],
  each: Command,
): Promise<void> {
  if (each.do === 'pass') return machine.clock.advance(each.ms)
  if (each.do === 'turn') return turns(each.turns)
  const container = containers[each.at]!
  if (each.do === 'dispose') return machine.dispose(container, (home) => INSIDE[each.at]!.includes(home))
  const name = `k${each.key}`
  if (each.do === 'require') return machine.ask(container, name, each.params)
  if (each.do === 'invalidate') return machine.invalidate(container, name)
  try {
    if (each.do !== 'override') container.watch(name, () => {})
    else machine.register(container, NAMES[each.at]!, name, each.behaviour)
  } catch {
    // Refused: disposed of, taken, or transient.
  }
}

test('calls that do not wait for one another: each is answered, each service is one at a time and cleaned up once, in order, before disposal ends', async () => {
  await fc.assert(
    fc.asyncProperty(stream, async ({ services, commands }) => {
      const machine = new ServiceMachine()
      const global = machine.container('global')
      const workflow = machine.inside(global, 'workflow', 'workflow')
      services.forEach(([owner, each], index) =>
        machine.register([global, workflow][owner]!, NAMES[owner]!, `k${index}`, each),
      )
      const runs = ['run a', 'run b'].map((name) => machine.inside(workflow, 'run', name))
      const containers = [global, workflow, ...runs]
      for (const each of commands) await play(machine, containers, each)
      machine.dispose(global, () => true)
      await machine.rest()
      expect(machine.faults).toEqual([])
    }),
    { numRuns: 400 },
  )
})
