import { simulatedClock } from 'busline/testing'
import {
  type ExecutionProfile,
  type IterationContext,
  WorkerManager,
  defineRunner,
  inProcessHost,
} from 'busline/workers'
import { describe, expect, it, onTestFinished } from 'vitest'
import { silent } from '../hosts/host-kit.js'

type Clock = ReturnType<typeof simulatedClock>

/** A runner in this thread, on a clock that stands still. */
async function openRunner(
  execute: (ctx: IterationContext, clock: Clock) => unknown,
  executionProfile: ExecutionProfile,
  update: (clock: Clock) => unknown = () => {},
) {
  const clock = simulatedClock()
  const work = defineRunner({ execute: (ctx) => execute(ctx, clock), update: () => update(clock) })
  const manager = new WorkerManager({
    host: inProcessHost({ clock, runners: { work } }),
    clock,
    logger: silent,
  })
  onTestFinished(async () => {
    await manager.close()
    await clock.advance('1h')
    expect(clock.pendingTimers).toBe(0)
  })
  return { clock, runner: await manager.addRunner({ testType: 'work', executionProfile }) }
}

const forMs = (clock: Clock, ms: number) => new Promise<void>((resolve) => void clock.setTimeout(resolve, ms))

describe('commands that wait for one another', () => {
  it('ends within the grace period of a stop that waits behind a reset, and starts nothing any more', async () => {
    let begun = 0
    const { clock, runner } = await openRunner(() => (begun++, new Promise(() => {})), { gracePeriod: 20 })
    await runner.start()
    const reset = runner.reset()
    const stopped = runner.stop()
    await clock.advance(50)
    await expect(Promise.race([stopped, clock.advance(50).then(() => 'still waiting')])).resolves.toBe(
      'stopped',
    )
    expect(await reset).toBe('running')
    expect(begun).toBe(1)
  })

  it('starts nothing once a stop was sent, though it waits behind the hook of an update', async () => {
    let begun = 0
    const { clock, runner } = await openRunner(
      (_, time) => (begun++, forMs(time, 5)),
      {},
      (time) => forMs(time, 40),
    )
    await runner.start()
    const updated = runner.update({ options: { a: 1 } })
    const stopped = runner.stop()
    await clock.advance(100)
    await Promise.all([updated, stopped])
    expect(begun).toBe(1)
    expect(runner.telemetry).toMatchObject({ iterationCount: 1, interruptedIterations: 0 })
  })

  it('does not cut what a reset began anew with the grace period of the load before', async () => {
    let begun = 0
    const { clock, runner } = await openRunner((_, time) => forMs(time, [10, 40][begun++] ?? 30), {
      executor: 'sharedIterations',
      iterations: 2,
      vus: 2,
      gracePeriod: 50,
    })
    await runner.start()
    await clock.advance(15)
    const reset = runner.reset()
    await clock.advance(100)
    await reset
    expect(runner.telemetry).toMatchObject({ iterationCount: 2, interruptedIterations: 0, resets: 1 })
    expect(runner.state).toBe('completed')
  })

  it.each(['resume', 'execute'] as const)(
    'starts nothing for a %s that a terminate was sent with',
    async (command) => {
      let begun = 0
      const { clock, runner } = await openRunner((_, time) => (begun++, forMs(time, 10)), {})
      await runner.start()
      const paused = runner.pause()
      await clock.advance(10)
      await paused
      const before = begun
      const answer = runner[command]().catch((error: { code: string }) => error.code)
      await runner.terminate()
      await answer
      await clock.advance(100)
      expect(begun).toBe(before)
    },
  )
})

describe('an iteration that was interrupted', () => {
  it('counts nothing any more, and what it says is not heard', async () => {
    const { clock, runner } = await openRunner(
      async (ctx, time) => {
        ctx.telemetry.requestCount++
        await forMs(time, 40)
        ctx.telemetry.requestCount++
        ctx.telemetry.errorCount++
        ctx.telemetry.say('late')
      },
      { executor: 'sharedIterations', iterations: 2, vus: 2, gracePeriod: 10 },
    )
    await runner.start()
    const reset = runner.reset()
    const stopped = runner.stop()
    await clock.advance(100)
    await Promise.all([reset, stopped])
    expect(runner.telemetry).toMatchObject({ requestCount: 0, errorCount: 0, message: [], resets: 1 })
  })
})
