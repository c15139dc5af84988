import fc from 'fast-check'
import { simulatedClock } from 'busline/testing'
import { RUNNER_COMMANDS, WorkerManager, defineRunner, inProcessHost } from 'busline/workers'
import { nodeHost } from 'busline/workers/node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findChromium } from '../browser/find-chromium.js'
import { bundleScript, bundleText } from './fixtures/bundle-script.js'
import { type OpenPage, openPage } from './fixtures/open-page.js'
import { silent } from './hosts/host-kit.js'
import { type Action, type CommandStream, checkOutcome, checkStream, playCommands } from './play-commands.js'

const chromium = findChromium()

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

interface PageFunctions {
  runStream(stream: CommandStream): Promise<string | undefined>
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
        const played = await playCommands(manager, runner, actions, (time) => clock.advance(time))
        await checkOutcome(manager, runner, played, actions)
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
      const check = (each: CommandStream) => checkStream(manager, worker.id, each)
      await fc.assert(fc.asyncProperty(stream, check), { numRuns: 30 })
      await manager.close()
    })
  })

  describe.skipIf(!chromium)('on Web Workers in Chromium', () => {
    let opened: OpenPage

    beforeAll(async () => {
      opened = await openPage(chromium!, {
        '/page.js': await bundleText('web-page.ts', 'browser'),
        '/web-worker.js': await bundleText('web-worker.ts', 'browser'),
      })
    })
    afterAll(() => opened?.close())

    it('what clients see is a path of the table, every command is answered, every end is archived once', async () => {
      const run = (each: CommandStream) => (globalThis as unknown as PageFunctions).runStream(each)
      await fc.assert(
        fc.asyncProperty(stream, async (each) => {
          expect(await opened.page.evaluate(run, each)).toBeUndefined()
        }),
        { numRuns: 15 },
      )
      await expect.poll(() => opened.page.workers().length).toBe(0)
    })
  })
})
