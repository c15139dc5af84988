import { describe, expect, it } from 'vitest'
import { type AnyPipeline, type StepContext, WorkflowRuntime, advance, createEventBus, pause } from 'busline'
import { memoryStorage } from '../../../src/storage/memory-storage.js'
import { faultInjecting, sequentialIds, simulatedClock } from '../../../src/testing/index.js'
import { quietLogger } from '../open-runtime.js'

let lives = 0

async function open(storage: ReturnType<typeof faultInjecting>, pipeline: AnyPipeline) {
  const clock = simulatedClock()
  const next = sequentialIds()
  const life = ++lives
  const ids = () => `${life}-${next()}`
  const bus = createEventBus({ clock, onError: () => {} })
  const runtime = new WorkflowRuntime({ bus, clock, ids, storage, logger: quietLogger })
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

  const early: AnyPipeline = {
    id: 'main',
    stages: [
      // Comes while the run is on its way to the pause: the pause is over as soon as it is committed.
      { id: 'ask', steps: { s: ({ publish }: StepContext) => publish('go', {}) } },
      { id: 'wait', watch: { event: 'go' }, router: () => pause({ timeout: '1d' }) },
    ],
  }
  const endings = {
    'the run': (last: AnyPipeline['stages'][number]): AnyPipeline => ({
      id: 'main',
      stages: [...early.stages, last],
    }),
    'a child of the run': (last: AnyPipeline['stages'][number]): AnyPipeline => ({
      id: 'parent',
      stages: [{ id: 'fork', pipelines: [{ ...early, stages: [...early.stages, last] }] }],
    }),
  }

  it.each(Object.entries(endings))(
    'ends a wait of %s for good: what comes after it has begun is another attempt',
    async (_, toPipeline) => {
      const calls = await livesUntil(undefined)
      expect(calls).toBeGreaterThan(5)
      for (let last = 1; last <= calls; last++) await livesUntil(last)

      /** Dies at that call, and lives again; returns how many calls there were. */
      async function livesUntil(last: number | undefined): Promise<number> {
        const store = memoryStorage()
        const attempts: number[] = []
        const pipeline = toPipeline({
          id: 'last',
          steps: { s: ({ attempt }: StepContext) => void attempts.push(attempt) },
        })
        const kill = { type: 'kill', when: 'before', at: last ?? Infinity } as const
        const first = faultInjecting(store, { isDurable: true, faults: [kill] })
        await Promise.race([live(first, pipeline), first.killed])
        if (!last) await first.kill()
        expect(first.isKilled).toBe(true)
        const two = await live(faultInjecting(store, { isDurable: true }), pipeline)
        expect(two.runtime.listAllRuns().every(({ status }) => status === 'succeeded')).toBe(true)
        await two.runtime.stop()
        expect(attempts).toEqual([...new Set(attempts)])
        expect(attempts).not.toEqual([])
        return first.totalCalls
      }

      async function live(driver: ReturnType<typeof faultInjecting>, pipeline: AnyPipeline) {
        const process = await open(driver, pipeline)
        await process.runtime.submit('order', {}, { id: 'order' })
        await process.clock.advance('30s')
        await process.clock.settle()
        return process
      }
    },
  )
})
