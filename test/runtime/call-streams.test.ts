import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type ModeOptions, type RegistrationOptions, memoryStorage } from 'busline'
import { Machine, turns } from './call-machine.js'
import type { Plan } from './planned-pipeline.js'

/** What can happen. Nobody waits for what it comes to. `pick` chooses among the runs there are. */
type Command =
  | { readonly do: 'publish' | 'submit' | 'invoke'; readonly plan: Plan }
  | { readonly do: 'resume' | 'signal' | 'abort'; readonly pick: number }
  | { readonly do: 'poke' | 'recover' | 'deregister' | 'stop' }
  | { readonly do: 'pass'; readonly ms: number }
  | { readonly do: 'turn'; readonly turns: number }

const work = fc.constantFrom<Plan['work']>('nothing', 'nothing', 'wait', 'fail', 'hang', 'ignore', 'publish')
const plan = fc.record({
  work,
  route: fc.constantFrom<Plan['route']>('advance', 'pause', 'await'),
  last: work,
})
const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom('publish' as const, 'submit' as const, 'invoke' as const),
      plan,
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom('resume' as const, 'signal' as const, 'abort' as const),
      pick: fc.nat(20),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('poke' as const, 'recover' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('deregister' as const, 'stop' as const) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(0, 2, 5) }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('turn' as const), turns: fc.nat(12) }) },
)

const mode = fc.constantFrom<ModeOptions>(
  { type: 'transient', concurrency: 1 },
  { type: 'transient', concurrency: 2, capacity: 2 },
  { type: 'serialized' },
  { type: 'singleton_loop', onBusy: 'signal' },
  { type: 'singleton_loop', onBusy: 'replace' },
  { type: 'exclusive', onBusy: 'queue_single' },
)
const gates = fc.constantFrom<RegistrationOptions>(
  {},
  {},
  { debounce: { wait: 2 } },
  { throttle: { limit: 1, per: 4 } },
)
const hooks = fc.subarray(['onPrepare', 'onResume', 'onComplete'] as const)
const stream = fc.record({
  mode,
  gates,
  hooks,
  drain: fc.boolean(),
  compensate: fc.boolean(),
  turnsOfStore: fc.array(fc.nat(9), { minLength: 1, maxLength: 5 }),
  commands: fc.array(command, { minLength: 2, maxLength: 18, size: 'max' }),
})
type Process = Awaited<ReturnType<Machine['open']>>

async function play(
  machine: Machine,
  { bus, runtime, stop, deregister }: Process,
  each: Command,
): Promise<void> {
  const runId = () => {
    const runs = runtime.listAllRuns()
    return runs.length === 0 || !('pick' in each) ? 'nobody' : runs[each.pick % runs.length]!.runId
  }
  switch (each.do) {
    case 'publish':
      return void bus.publish('go', each.plan)
    case 'poke':
      return void bus.publish('poke', {})
    case 'submit':
      return machine.call(each.do, runtime.submit('go', each.plan))
    case 'invoke':
      return machine.call(each.do, runtime.invoke('w', 'go', each.plan))
    case 'resume':
      return machine.call(each.do, runtime.resume(runId(), { resumed: true }))
    case 'signal':
      return machine.call(each.do, runtime.signal(runId(), { signalled: true }))
    case 'abort':
      return machine.call(each.do, runtime.abort(runId()))
    case 'recover':
      return machine.call(
        each.do,
        runtime.recover().catch(() => {}),
      )
    case 'stop':
      return stop()
    case 'deregister':
      return deregister()
    case 'pass':
      return machine.clock.advance(each.ms)
    case 'turn':
      return turns(each.turns)
  }
}

/** Whatever still can end ends. */
async function finish({ clock }: Machine, { runtime }: Process): Promise<void> {
  for (let round = 0; round < 4; round++) {
    await clock.advance('1m')
    for (const { runId } of runtime.listAllRuns()) void runtime.abort(runId)
  }
}

describe('calls that do not wait for one another', () => {
  it('all settle; nothing begins after the end; each run has one', { timeout: 60_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(stream, async (each) => {
        const machine = new Machine(each, undefined)
        const process = await machine.open()
        for (const command of each.commands) await play(machine, process, command)
        await finish(machine, process)
        expect(process.runtime.dispatches()).toMatchObject({ active: [], queued: 0 })
        process.stop()
        await machine.rest()
        expect(machine.faults).toEqual([])
        expect([...machine.ends.values()].filter((ends) => ends.length !== 1)).toEqual([])
      }),
      { numRuns: 100 },
    )
  })

  it(
    'do so with a storage, and what they leave the next process brings to its end',
    { timeout: 60_000 },
    async () => {
      await fc.assert(
        fc.asyncProperty(stream, async (each) => {
          const store = memoryStorage()
          const machine = new Machine(each, store)
          const process = await machine.open()
          for (const command of each.commands) await play(machine, process, command)
          process.stop()
          await machine.rest()
          const next = await machine.open()
          await finish(machine, next)
          expect(next.runtime.dispatches()).toMatchObject({ active: [], queued: 0 })
          next.stop()
          await machine.rest()
          expect(machine.faults).toEqual([])
          const left = (await store.scan({ prefix: '' })).map(({ key }) => key)
          expect(left.filter((key) => /^(claim|run|ticket|outbox|unsettled|owner)\//.test(key))).toEqual([])
        }),
        { numRuns: 100 },
      )
    },
  )
})
