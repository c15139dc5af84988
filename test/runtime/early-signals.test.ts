import { describe, expect, it } from 'vitest'
import { type AnyPipeline, MemoryTimelineStore, TimelinePlayer, type WorkflowRuntimeOptions } from 'busline'
import { memoryStorage } from '../../src/storage/memory-storage.js'
import { faultInjecting } from '../../src/testing/index.js'
import { openRuntime } from './open-runtime.js'

const main: AnyPipeline = {
  id: 'main',
  initialState: { note: '' },
  stages: [
    { id: 'first', steps: { see: ({ state }: { state: { note: string } }) => ({ saw: state.note }) } },
  ],
}
const triggers = { placed: { event: 'order:placed' } }
const workflow = { id: 'orders', triggers, pipelines: { main } }

/** A run whose `onPrepare` is under way. */
async function preparing(options: Partial<WorkflowRuntimeOptions> = {}, pipeline = main) {
  const { bus, clock, runtime } = openRuntime(options)
  let prepared = () => {}
  const held = new Promise<void>((resolve) => (prepared = resolve))
  await runtime.register(
    { ...workflow, pipelines: { main: pipeline } },
    { mode: { type: 'singleton_loop', onBusy: 'signal' }, onPrepare: () => held },
  )
  bus.publish('order:placed', {})
  await clock.settle()
  return { bus, clock, runtime, prepared, runId: runtime.listAllRuns()[0]!.runId }
}

describe.each([
  ['in memory', () => ({}), { ok: true, value: { status: 'aborted', state: { note: 'late' } } }],
  [
    'on durable storage',
    () => ({ storage: faultInjecting(memoryStorage(), { isDurable: true }) }),
    { ok: false, error: { code: 'UNAVAILABLE' } },
  ],
])('a signal before the first stage, %s', (_, options, whenStopped) => {
  it('lands when onPrepare has settled, in the order given, and the first stage sees it', async () => {
    const { clock, runtime, prepared, runId } = await preparing(options())
    const signals = [runtime.signal(runId, { note: 'one', last: 1 }), runtime.signal(runId, { note: 'two' })]
    await clock.settle()
    prepared()
    await clock.settle()
    expect(await Promise.all(signals)).toMatchObject([{ ok: true }, { ok: true }])
    expect(runtime.watch('orders', runId)).toMatchObject({
      status: 'succeeded',
      state: { note: 'two', last: 1, saw: 'two' },
    })
    await runtime.stop()
  })

  it('is what an event becomes that finds its singleton loop preparing', async () => {
    const { bus, clock, runtime, prepared, runId } = await preparing(options())
    bus.publish('order:placed', { note: 'three' })
    await clock.settle()
    prepared()
    await clock.settle()
    expect(runtime.dispatches().counts).toMatchObject({ started: 1, queued: 0, signalled: 1 })
    expect(runtime.listAllRuns()).toMatchObject([{ runId, status: 'succeeded', state: { saw: 'three' } }])
    await runtime.stop()
  })

  it('is refused when it is no plain data, or the pipeline cannot take it', async () => {
    const schema = {
      '~standard': {
        version: 1 as const,
        vendor: 'test',
        validate: (value: unknown) =>
          typeof (value as { note: unknown }).note === 'string'
            ? { value }
            : { issues: [{ message: 'must be text', path: ['note'] }] },
      },
    }
    const { clock, runtime, prepared, runId } = await preparing(options(), { ...main, schema })
    expect(await runtime.signal(runId, { note: () => {} })).toMatchObject({ error: { code: 'VALIDATION' } })
    const signal = runtime.signal(runId, { note: 7 })
    prepared()
    await clock.settle()
    expect(await signal).toMatchObject({ ok: false, error: { code: 'VALIDATION' } })
    expect(runtime.watch('orders', runId)).toMatchObject({ status: 'succeeded', state: { saw: '' } })
    await runtime.stop()
  })

  it('is answered when the runtime is stopped meanwhile', async () => {
    const { clock, runtime, prepared, runId } = await preparing(options())
    const signal = runtime.signal(runId, { note: 'late' })
    const stopped = runtime.stop()
    await clock.settle()
    prepared()
    await clock.advance('1m')
    await stopped
    expect(await signal).toMatchObject(whenStopped)
  })

  it('stands after the start of the pipeline on its timeline', async () => {
    const timelineStore = new MemoryTimelineStore()
    const { bus, clock, runtime } = openRuntime({ ...options(), timelineStore })
    await runtime.register(workflow, { mode: { type: 'singleton_loop', onBusy: 'signal' } })
    bus.publish('order:placed', {})
    bus.publish('order:placed', { note: 'at once' })
    await clock.settle()
    const [run] = runtime.listAllRuns()
    await runtime.stop()
    const player = new TimelinePlayer(timelineStore, run!.runId)
    expect(await player.stepForward()).toMatchObject({ seq: 1, type: 'pipeline:start' })
    expect(player.state).toEqual({ note: '' })
    await player.seek(run ? player.meta!.eventCount : 0)
    expect(player.state).toEqual(run!.state)
    expect(player.state).toMatchObject({ note: 'at once' })
  })
})
