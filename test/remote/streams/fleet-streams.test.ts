import fc from 'fast-check'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { FleetMachine, type Work } from './fleet-machine.js'

// The wires are simulated: an upgrade hands over the socket that the machine has made.
vi.mock('../../../src/remote/server/import-ws.js', () => ({
  importWs: () =>
    Promise.resolve({
      WebSocketServer: class {
        handleUpgrade(
          _request: unknown,
          stream: { take(): unknown },
          _head: unknown,
          done: (socket: unknown) => void,
        ) {
          done(stream.take())
        }
      },
    }),
}))

type Command =
  | { readonly do: 'execute'; readonly work: Work; readonly timeout: number }
  | { readonly do: 'join' | 'leave' | 'finish' | 'cut' | 'drain' | 'abort' | 'garble'; readonly pick: number }
  | { readonly do: 'stop'; readonly drain: boolean }
  | { readonly do: 'start' }
  | { readonly do: 'pass'; readonly ms: number }

const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('execute' as const),
      work: fc.constantFrom<Work>('quick', 'quick', 'wait', 'wait', 'fail', 'hang', 'ignore', 'big', 'talk'),
      timeout: fc.constantFrom(30, 1000),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('join' as const), pick: fc.nat(2) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom('cut' as const, 'cut' as const, 'abort' as const),
      pick: fc.nat(9),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom('leave' as const, 'finish' as const, 'drain' as const, 'garble' as const),
      pick: fc.nat(3),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.oneof(
      fc.record({ do: fc.constant('stop' as const), drain: fc.boolean() }),
      fc.constant({ do: 'start' as const }),
    ),
  },
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(0, 1, 3, 10, 60) }),
  },
)
const some = <Value>(arbitrary: fc.Arbitrary<Value>) => fc.array(arbitrary, { minLength: 1, maxLength: 6 })
const stream = fc.record({
  weather: fc.record({
    delays: some(fc.constantFrom(0, 0, 1, 4)),
    isTwice: some(fc.constantFrom(false, false, true)),
    notices: some(fc.constantFrom(0, 0, 2, 40)),
  }),
  resumeWindow: fc.constantFrom(0, 15, 100),
  maxDispatches: fc.constantFrom(1, 3),
  room: fc.constantFrom(1, 2),
  beat: fc.constantFrom(10, 15_000),
  commands: fc.array(command, { minLength: 3, maxLength: 25, size: 'max' }),
})

async function play(machine: FleetMachine, each: Command): Promise<void> {
  switch (each.do) {
    case 'execute':
      return machine.execute(each.work, each.timeout)
    case 'join':
      return machine.join(each.pick)
    case 'leave':
      return machine.leave(each.pick, false)
    case 'finish':
      return machine.leave(each.pick, true)
    case 'cut':
      return machine.cut(each.pick)
    case 'drain':
      return machine.drain(each.pick)
    case 'abort':
      return machine.abort(each.pick)
    case 'garble':
      return machine.garble(each.pick)
    case 'start':
      return machine.start()
    case 'stop':
      return machine.stop(each.drain)
    case 'pass':
      return machine.clock.advance(each.ms)
  }
}

// What leaves at the end of a turn does so before simulated time goes on.
beforeAll(() => void vi.stubGlobal('setImmediate', (callback: () => void) => queueMicrotask(callback)))
afterAll(() => void vi.unstubAllGlobals())

test('calls that do not wait for one another: each request is answered once, nothing is run twice or left over', async () => {
  await fc.assert(
    fc.asyncProperty(stream, async (each) => {
      const machine = new FleetMachine(each)
      machine.start()
      machine.join(0)
      for (const command of each.commands) await play(machine, command)
      await machine.rest()
      expect(machine.faults).toEqual([])
    }),
    { numRuns: 40 },
  )
})
