import { describe, expect, it } from 'vitest'
import { type WatchDescriptor, defineWorkflow, pause } from 'busline'
import { openRuntime } from '../open-runtime.js'
import { ScriptedRun, openRecordedStand, openStand, short } from './scripted-run.js'

const onA: WatchDescriptor = { event: 'a' }
const YEAR_MS = 365 * 24 * 3_600_000

describe('a timeout', () => {
  it.each<[string, number]>([
    ['0', 0],
    ['1 ms', 1],
    ['the longest time a timer of the host keeps', 2 ** 31 - 1],
    ['one more than that', 2 ** 31],
    ['a year', YEAR_MS],
  ])('of %s ends the wait exactly then, and not before', async (_what, timeout) => {
    const run = await ScriptedRun.start(openStand())
    const { clock } = run.stand
    const pausedAt = clock.now()
    run.letPause({ until: onA, timeout })
    if (timeout > 1) {
      await clock.advance(timeout - 1)
      expect(run.status).toBe('paused')
    }
    await clock.advance(timeout > 1 ? 1 : timeout)
    expect([run.status, run.lastResume]).toEqual(['running', 'timeout'])
    expect(clock.now() - pausedAt).toBe(timeout)
    expect([run.stand.bus.hasSubscribers('a'), clock.pendingTimers]).toEqual([false, 0])
  })

  it('alone is a sleep that only resume or abort cuts short', async () => {
    const run = await ScriptedRun.start(openStand())
    await run.pause({ timeout: '7d' })
    await run.publish('a')
    expect(run.status).toBe('paused')
    void run.stand.runtime.resume(run.runId)
    await run.stand.clock.settle()
    expect([run.lastResume, run.stand.clock.pendingTimers]).toEqual(['manual', 0])
    await run.pause({ timeout: '7d' })
    await run.stand.runtime.abort(run.runId)
    expect([run.status, run.stand.clock.pendingTimers]).toEqual(['aborted', 0])
  })

  it('also ends a wait on what steps registered; their watches live on', async () => {
    const run = await ScriptedRun.start(openRecordedStand())
    await run.register(onA)
    await run.pause({ timeout: '1h' })
    await run.stand.clock.advance('1h')
    await run.publish('a', 1)
    await run.pause({ timeout: '1h' })
    expect(run.legs.map(short)).toEqual([undefined, 'timeout', 1])
    expect(await run.notes('watch:timeout')).toHaveLength(1)
  })

  it('does not run while an event that was kept ends the pause at once', async () => {
    const run = await ScriptedRun.start(openStand())
    await run.register(onA)
    await run.publish('a', 1)
    await run.pause({ timeout: '1h' })
    expect([run.lastResume, run.stand.clock.pendingTimers]).toEqual([1, 0])
  })

  it('must be written down next to until, Infinity included', async () => {
    const run = await ScriptedRun.start(openStand())
    await run.pause({ until: onA })
    expect(run.info).toMatchObject({ status: 'failed', error: { code: 'VALIDATION' } })
    expect(run.info.error!.message).toContain('Infinity included')
  })

  it('and an event in one tick: whoever is first ends the wait; the event is not lost to the next', async () => {
    for (const isEventFirst of [true, false]) {
      const run = await ScriptedRun.start(openStand())
      const { bus, clock } = run.stand
      await run.register(onA)
      const publish = () => void bus.publish('a', 1)
      // Timers that are due at one instant fire in the order they were set.
      if (isEventFirst) clock.setTimeout(publish, 1000)
      await run.pause({ timeout: 1000 })
      if (!isEventFirst) clock.setTimeout(publish, 1000)
      await clock.advance(1000)
      if (!isEventFirst) await run.pause()
      expect(run.legs.map(short)).toEqual(isEventFirst ? [undefined, 1] : [undefined, 'timeout', 1])
      expect(clock.pendingTimers).toBe(0)
    }
  })

  it('and an event in one call stack: one of them ends the wait, in both orders', async () => {
    for (const isEventFirst of [true, false]) {
      const run = await ScriptedRun.start(openStand())
      const { bus, clock, runtime } = run.stand
      await run.pause({ until: onA, timeout: Infinity })
      const acts = [() => void bus.publish('a', 1), () => void runtime.resume(run.runId)]
      for (const act of isEventFirst ? acts : acts.reverse()) act()
      await clock.settle()
      expect(run.legs.map(short)).toEqual([undefined, isEventFirst ? 1 : 'manual'])
    }
  })

  it('fires once when the clock jumps over it, and not early when the clock jumps back', async () => {
    const run = await ScriptedRun.start(openStand())
    const { clock } = run.stand
    await run.pause({ timeout: '1h' })
    clock.jump(clock.now() - 86_400_000)
    await clock.advance('1m')
    expect(run.status).toBe('paused')
    clock.jump(clock.now() + 30 * 86_400_000)
    await clock.advance(0)
    expect([run.lastResume, run.legs.length, clock.pendingTimers]).toEqual(['timeout', 2, 0])
  })

  it('of 1 000 runs that sleep to one instant wakes each of them once', async () => {
    const { runtime, bus, clock } = openRuntime()
    await runtime.register(
      defineWorkflow({
        id: 'w',
        triggers: { go: { event: 'go' } },
        pipelines: { main: { id: 'main', stages: [{ id: 'nap', router: () => pause({ timeout: '30d' }) }] } },
      }),
      { mode: { type: 'transient', concurrency: 3 } },
    )
    for (let n = 0; n < 1000; n++) bus.publish('go', n)
    await clock.settle()
    expect(runtime.listAllRuns().filter(({ status }) => status === 'paused')).toHaveLength(1000)
    await clock.advance('30d')
    expect(runtime.listAllRuns().filter(({ status }) => status === 'succeeded')).toHaveLength(1000)
    expect(clock.pendingTimers).toBe(0)
  })
})
