import fc from 'fast-check'
import { simulatedClock } from 'busline/testing'
import {
  RUNNER_COMMANDS,
  type RunnerHandle,
  type StateChange,
  WorkerManager,
  defineRunner,
  inProcessHost,
} from 'busline/workers'
import { nodeHost } from 'busline/workers/node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bundleScript } from './fixtures/bundle-script.js'
import { checkPath, silent } from './hosts/host-kit.js'

type Action =
  | { readonly type: 'command'; readonly command: (typeof RUNNER_COMMANDS)[number] }
  | { readonly type: 'sync' }
  | { readonly type: 'wait'; readonly ms: number }

const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('command' as const),
      command: fc.constantFrom(
        ...RUNNER_COMMANDS.filter((command) => command !== 'terminate' && command !== 'stop'),
      ),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('command' as const),
      command: fc.constantFrom('terminate' as const, 'stop' as const),
    }),
  },
  { weight: 2, arbitrary: fc.constant({ type: 'sync' as const }) },
  {
    weight: 3,
    arbitrary: fc.record({ type: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 60 }) }),
  },
)

const stream = fc.record({
  iterations: fc.integer({ min: 0, max: 6 }),
  delay: fc.integer({ min: 0, max: 30 }),
  ms: fc.integer({ min: 0, max: 40 }),
  failsAt: fc.option(fc.integer({ min: 0, max: 5 })),
  grace: fc.integer({ min: 0, max: 50 }),
  actions: fc.array(action, { maxLength: 25 }),
})

/** Sends a stream of commands without waiting for their answers, and gathers what came of it. */
async function play(
  manager: WorkerManager,
  runner: RunnerHandle,
  actions: readonly Action[],
  wait: (ms: number) => Promise<void>,
): Promise<{
  readonly seen: readonly StateChange[]
  readonly answers: number
  readonly states: readonly string[]
}> {
  const seen: StateChange[] = []
  const states: string[] = [runner.state]
  runner.on('stateChange', (change) => {
    seen.push(change)
    states.push(runner.state)
  })
  const pending: Promise<unknown>[] = []
  for (const each of actions) {
    if (each.type === 'wait') await wait(each.ms)
    else if (each.type === 'sync') pending.push(manager.getWorkersCore())
    else {
      const sent =
        each.command === 'update'
          ? runner.update({ executionProfile: { iterations: seen.length } })
          : runner[each.command]()
      pending.push(
        sent.then(
          () => 'ok',
          (error: { code: string }) => error.code,
        ),
      )
    }
  }
  let isSettled = false
  const settled = Promise.all(pending).then((all) => {
    isSettled = true
    return all
  })
  while (!isSettled) await wait(50)
  return { seen, states, answers: (await settled).length }
}

/** What must hold of whatever was sent. */
async function checkOutcome(
  manager: WorkerManager,
  runner: RunnerHandle,
  played: Awaited<ReturnType<typeof play>>,
  actions: readonly Action[],
) {
  checkPath(played.seen)
  // What a client reads from the handle moves with what it is told, and never back.
  expect(played.states).toEqual(['initializing', ...played.seen.map(({ to }) => to)])
  expect(played.answers).toBe(actions.filter(({ type }) => type !== 'wait').length)
  const archived = await manager.getArchiveList({ runnerId: runner.id })
  const isLive = manager.registry.getRunner(runner.workerId, runner.id) !== undefined
  expect(archived.length).toBe(isLive ? 0 : 1)
  if (archived[0]) expect(archived[0].runnerHistory).toEqual(played.seen)
  const counted = runner.telemetry
  if (counted) expect(counted.requestCount).toBe(counted.iterationCount)
}

describe('random streams of commands', () => {
  it('in this thread: what clients see is a path of the table, every command is answered, every end is archived once', async () => {
    await fc.assert(
      fc.asyncProperty(stream, async ({ iterations, delay, ms, failsAt, grace, actions }) => {
        const clock = simulatedClock()
        const work = defineRunner({
          async execute(ctx) {
            if (ctx.iteration === failsAt) throw new Error('as was wanted')
            if (ms > 0) await new Promise<void>((resolve) => clock.setTimeout(resolve, ms))
            ctx.telemetry.requestCount++
          },
        })
        const host = inProcessHost({ clock, runners: { work } })
        const manager = new WorkerManager({ host, clock, logger: silent })
        const executionProfile = { iterations, delayBetweenIterations: delay, gracePeriod: grace }
        const runner = await manager.addRunner({ testType: 'work', executionProfile })
        const played = await play(manager, runner, actions, (time) => clock.advance(time))
        // An iteration that was interrupted goes on by itself, and may count a request that no longer belongs to anything.
        if ((runner.telemetry?.interruptedIterations ?? 0) === 0)
          await checkOutcome(manager, runner, played, actions)
        else checkPath(played.seen)
        await manager.close()
        await clock.advance('1h')
        expect(clock.pendingTimers).toBe(0)
      }),
      { numRuns: 150 },
    )
  })

  describe('on threads', () => {
    let script: Awaited<ReturnType<typeof bundleScript>>

    beforeAll(async () => {
      script = await bundleScript('node-worker.ts')
    })
    afterAll(() => script.remove())

    it('what clients see is a path of the table, every command is answered, every end is archived once', async () => {
      const manager = new WorkerManager({
        host: nodeHost(script.url),
        logger: silent,
        maxArchiveListLength: 1000,
      })
      const worker = await manager.addWorker()
      await fc.assert(
        fc.asyncProperty(stream, async ({ iterations, delay, grace, actions }) => {
          const executionProfile = { iterations, delayBetweenIterations: delay, gracePeriod: grace }
          const runner = await worker.addRunner({ testType: 'count', executionProfile })
          const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms / 10))
          const played = await play(manager, runner, actions, wait)
          await runner.terminate().catch(() => {})
          await checkOutcome(
            manager,
            runner,
            {
              ...played,
              seen: runner.history,
              states: ['initializing', ...runner.history.map(({ to }) => to)],
            },
            actions,
          )
        }),
        { numRuns: 30 },
      )
      await manager.close()
    })
  })
})
