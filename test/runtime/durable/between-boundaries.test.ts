import { describe, expect, it } from 'vitest'
import { type AnyPipeline, type StepContext, WorkflowRuntime, advance, createEventBus, pause } from 'busline'
import { memoryStorage } from '../../../src/storage/memory-storage.js'
import { faultInjecting, sequentialIds, simulatedClock } from '../../../src/testing/index.js'
import { quietLogger } from '../open-runtime.js'

async function open(storage: ReturnType<typeof faultInjecting>, pipeline: AnyPipeline) {
  const clock = simulatedClock()
  const bus = createEventBus({ clock, onError: () => {} })
  const runtime = new WorkflowRuntime({ bus, clock, ids: sequentialIds(), storage, logger: quietLogger })
  const triggers = { on: { event: 'order' } }
  await runtime.register({ id: 'orders', triggers, pipelines: { main: pipeline } })
  return { clock, bus, runtime }
}

describe('an event that is kept between two boundaries', () => {
  it('does not make the children of a stage be forgotten whose router takes its time', async () => {
    const store = memoryStorage()
    let executions = 0
    let decides = false
    const pipeline: AnyPipeline = {
      id: 'main',
      stages: [
        {
          id: 'fork',
          pipelines: [{ id: 'child', stages: [{ id: 's', steps: { s: () => void executions++ } }] }],
          router: () => (decides ? advance() : new Promise<never>(() => {})),
        },
        { id: 'wait', watch: { event: 'go' }, router: () => pause({ timeout: '1d' }) },
      ],
    }
    const first = faultInjecting(store, { isDurable: true })
    const one = await open(first, pipeline)
    await one.runtime.submit('order', {})
    await one.clock.settle()
    await one.runtime.submit('go', {})
    await first.kill()
    decides = true
    const two = await open(faultInjecting(store, { isDurable: true }), pipeline)
    await two.clock.advance('30s')
    await two.clock.settle()
    expect(two.runtime.listAllRuns()).toMatchObject([{ status: 'succeeded' }])
    expect(executions).toBe(1)
    await two.runtime.stop()
  })

  it('is kept when it comes in the very tick that its run is accepted in', async () => {
    const store = memoryStorage()
    const pipeline: AnyPipeline = {
      id: 'main',
      stages: [
        { id: 'wait', watch: { event: 'go' }, router: () => pause({ timeout: '1d' }) },
        { id: 'last', steps: { s: ({ resume }: StepContext) => ({ by: resume?.kind }) } },
      ],
    }
    const { bus, runtime, clock } = await open(faultInjecting(store, { isDurable: true }), pipeline)
    bus.publish('order', {})
    bus.publish('go', {})
    await clock.settle()
    expect(runtime.listAllRuns()).toMatchObject([{ status: 'succeeded', state: { by: 'event' } }])
    await runtime.stop()
  })
})
