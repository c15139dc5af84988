import { describe, expect, it } from 'vitest'
import {
  type AnyPipeline,
  type StepContext,
  type StorageDriver,
  WorkflowRuntime,
  createEventBus,
  memoryStorage,
} from 'busline'
import { faultInjecting, sequentialIds, simulatedClock } from '../../../src/testing/index.js'
import { quietLogger } from '../open-runtime.js'
// Loaded on demand by the runtime; here beforehand, because no simulated clock waits for a file.
import '../../../src/runtime/runtime-engine.js'
import '../../../src/runtime/validate-workflow.js'
import '../../../src/runtime/durable/open-durability.js'

const clock = simulatedClock()
const ids = sequentialIds()

async function open(storage: StorageDriver, pipeline: AnyPipeline) {
  const bus = createEventBus({ clock, ids, onError: () => {} })
  const runtime = new WorkflowRuntime({ bus, clock, ids, storage, logger: quietLogger })
  const registered = runtime.register({
    id: 'orders',
    triggers: { placed: { event: 'order' } },
    pipelines: { main: pipeline },
  })
  await clock.settle()
  await registered
  return runtime
}

/** One process after the other that is cut off in the midst of its work; resolves to the next one. */
async function cutOff(storage: StorageDriver, pipeline: AnyPipeline, times: number) {
  const first = await open(storage, pipeline)
  const submitted = first.submit('order', {}, { id: 'order-1' })
  await clock.settle()
  await submitted
  await first.stop()
  for (let life = 1; life < times; life++) {
    const next = await open(storage, pipeline)
    await clock.settle()
    expect(next.listAllRuns()).toMatchObject([{ status: 'running' }])
    await next.stop()
  }
  const last = await open(storage, pipeline)
  await clock.settle()
  return last
}

/** A child is in the store from its first boundary on. */
const before = { id: 'before', steps: { before: () => ({ begun: true }) } }

const hangs = () => new Promise<never>(() => {})

describe('a stage that is cut off ten times', () => {
  it.each([
    [
      'of the run itself',
      (stage: AnyPipeline['stages'][number]): AnyPipeline => ({ id: 'main', stages: [stage] }),
    ],
    [
      'of a child',
      (stage: AnyPipeline['stages'][number]): AnyPipeline => ({
        id: 'main',
        stages: [{ id: 'fork', pipelines: [{ id: 'child', stages: [before, stage] }] }],
      }),
    ],
    [
      'of a child of a child',
      (stage: AnyPipeline['stages'][number]): AnyPipeline => ({
        id: 'main',
        stages: [
          {
            id: 'outer',
            forEach: () => ['one'],
            pipelines: [
              {
                id: 'middle',
                stages: [{ id: 'inner', pipelines: [{ id: 'leaf', stages: [before, stage] }] }],
              },
            ],
          },
        ],
      }),
    ],
  ])('%s waits for a person, who may try it again', async (_where, within) => {
    const storage = faultInjecting(memoryStorage(), { isDurable: true })
    let isHealed = false
    const attempts: number[] = []
    const pipeline = within({
      id: 'poison',
      steps: {
        work: ({ attempt }: StepContext) => {
          attempts.push(attempt)
          return isHealed ? { healed: true } : hangs()
        },
      },
    })
    const runtime = await cutOff(storage, pipeline, 10)
    expect(attempts).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    const [run] = runtime.listAllRuns()
    expect(run).toMatchObject({ status: 'paused' })
    // It is parked in the store as well: the next process does not try it either.
    await runtime.stop()
    const next = await open(storage, pipeline)
    await clock.settle()
    expect(next.listAllRuns()).toMatchObject([{ status: 'paused' }])
    expect(attempts).toHaveLength(10)

    isHealed = true
    const resumed = next.resume(run!.runId)
    await clock.settle()
    expect(await resumed).toMatchObject({ ok: true, value: { status: 'succeeded' } })
    expect(attempts).toHaveLength(11)
    await next.stop()
  })

  it('leaves siblings alone that have come to a rest', async () => {
    const storage = faultInjecting(memoryStorage(), { isDurable: true })
    let isHealed = false
    let siblings = 0
    const pipeline: AnyPipeline = {
      id: 'main',
      stages: [
        {
          id: 'fork',
          pipelines: [
            { id: 'good', stages: [{ id: 'a', steps: { a: () => void siblings++ } }] },
            {
              id: 'bad',
              stages: [{ id: 'poison', steps: { b: () => (isHealed ? { healed: true } : hangs()) } }],
            },
          ],
        },
      ],
    }
    const runtime = await cutOff(storage, pipeline, 10)
    const [run] = runtime.listAllRuns()
    expect(run).toMatchObject({ status: 'paused' })
    isHealed = true
    const resumed = runtime.resume(run!.runId)
    await clock.settle()
    expect(await resumed).toMatchObject({ ok: true, value: { state: { bad: { healed: true } } } })
    expect(siblings).toBe(1)
    await runtime.stop()
  })
})

describe('a compensation that is cut off ten times', () => {
  const attempts: number[] = []
  let isHealed = false
  const undoable: AnyPipeline['stages'] = [
    {
      id: 'begin',
      steps: { begin: { action: () => ({ begun: true }), compensate: () => ({ undone: true }) } },
    },
    {
      id: 'book',
      steps: {
        book: {
          action: () => ({ booked: true }),
          compensate: ({ attempt }: StepContext) => {
            attempts.push(attempt)
            return isHealed ? { booked: false } : hangs()
          },
        },
      },
    },
    {
      id: 'pay',
      steps: {
        pay: () => {
          throw new Error('No money')
        },
      },
    },
  ]

  const places: readonly [string, AnyPipeline][] = [
    ['of the run itself', { id: 'main', compensate: true, stages: undoable }],
    [
      'of a child',
      {
        id: 'main',
        stages: [
          { id: 'fork', pipelines: [{ id: 'child', compensate: true, stages: [before, ...undoable] }] },
        ],
      },
    ],
  ]

  it.each(places)('%s waits for a person, who may try it again', async (_where, pipeline) => {
    attempts.length = 0
    isHealed = false
    const storage = faultInjecting(memoryStorage(), { isDurable: true })
    const runtime = await cutOff(storage, pipeline, 10)
    expect(attempts).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    const [run] = runtime.listAllRuns()
    expect(run).toMatchObject({ status: 'paused' })

    // Tried again and cut off again, it is tried again by itself, and has not lost count.
    const tried = runtime.resume(run!.runId)
    await clock.settle()
    expect(attempts).toHaveLength(11)
    await runtime.stop()
    await tried
    isHealed = true
    const next = await open(storage, pipeline)
    await clock.settle()
    expect(attempts.slice(10)).toEqual([1, 2])
    expect(next.listAllRuns()).toMatchObject([
      { status: 'failed', error: { message: expect.stringContaining('No money') as string } },
    ])
    await next.stop()
  })

  it.each(places)('%s is left undone when the run is aborted', async (_where, pipeline) => {
    attempts.length = 0
    isHealed = false
    const storage = faultInjecting(memoryStorage(), { isDurable: true })
    const runtime = await cutOff(storage, pipeline, 10)
    const [run] = runtime.listAllRuns()
    const aborted = runtime.abort(run!.runId)
    await clock.settle()
    expect(await aborted).toMatchObject({ ok: true })
    expect(attempts).toHaveLength(10)
    expect((await storage.scan({ prefix: 'run/' })).length).toBe(0)
    await runtime.stop()
  })
})
