import {
  type PauseService,
  WorkflowRuntime,
  createEventBus,
  definePipeline,
  defineWorkflow,
  pause,
} from 'busline'
import { simulatedClock } from 'busline/testing'
import {
  type ArchiveEntry,
  type RunnerBusEvents,
  type RunnerService,
  WorkerManager,
  type WorkflowCallAnswer,
  defineRunner,
  inProcessHost,
  publishRunnerEvents,
  runnerService,
  untilRunnerEnds,
  workflowCalls,
} from 'busline/workers'
import { afterEach, describe, expect, it } from 'vitest'
import { silent } from '../hosts/host-kit.js'

interface Events extends RunnerBusEvents {
  'load:wanted': { iterations: number }
  'order:placed': { amount: number }
}

const closers: (() => unknown)[] = []

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

function setUp(options: Partial<ConstructorParameters<typeof WorkerManager>[0]> = {}) {
  const clock = simulatedClock()
  const bus = createEventBus<Events>()
  const runners = {
    count: defineRunner({
      execute(ctx) {
        ctx.telemetry.requestCount++
        if (ctx.options['fails']) throw new Error('the target is gone')
      },
    }),
    invoker: defineRunner({
      async execute(ctx) {
        const call = { workflowId: 'order', triggerId: 'placed', payload: { amount: ctx.iteration } }
        const answer = await ctx.call<WorkflowCallAnswer>('invokeWorkflow', call)
        ctx.telemetry.say(JSON.stringify(answer))
        return answer.ok
      },
    }),
  }
  const manager = new WorkerManager({
    host: inProcessHost({ clock, runners }),
    clock,
    logger: silent,
    ...options,
  })
  closers.push(() => manager.close())
  closers.push(publishRunnerEvents(manager, bus, { clock }))
  const runtime = new WorkflowRuntime<Events>({
    bus,
    clock,
    logger: silent,
    services: { runners: runnerService(manager) },
  })
  closers.push(() => runtime.stop())
  return { clock, bus, manager, runtime }
}

describe('publishRunnerEvents()', () => {
  it('tells changes of state as they come, and numbers once a second at most, before the end', async () => {
    const { clock, bus, manager } = setUp()
    const seen: unknown[] = []
    bus.subscribe('runner:state', ({ payload }) =>
      seen.push([payload.from, payload.state, payload.isFinal, payload.testType]),
    )
    bus.subscribe('runner:telemetry', ({ payload }) =>
      seen.push(payload.runners.map(({ iterationCount }) => iterationCount)),
    )
    const profile = { iterations: 200, delayBetweenIterations: 10 }
    const runner = await manager.addRunner({ testType: 'count', executionProfile: profile, tags: ['a'] })
    await runner.start()
    await clock.advance('5s')
    expect(seen).toEqual([
      ['initializing', 'running', false, 'count'],
      [100],
      [200],
      ['running', 'completed', true, 'count'],
    ])
  })

  it('triggers workflows', async () => {
    const { clock, manager, runtime } = setUp()
    const alarms: unknown[] = []
    await runtime.register(
      defineWorkflow<Events>()({
        id: 'alarm',
        triggers: {
          failed: { event: 'runner:state', when: ({ payload }) => payload.state === 'error' },
        },
        pipelines: {
          main: definePipeline({
            id: 'main',
            stages: [{ id: 'tell', steps: { tell: ({ event }) => void alarms.push(event.payload) } }],
          }),
        },
      }),
    )
    const runner = await manager.addRunner({ testType: 'count', options: { fails: true } })
    await runner.start()
    await clock.settle()
    expect(alarms).toMatchObject([
      { runnerId: runner.id, reason: 'fault', error: { cause: { message: 'the target is gone' } } },
    ])
  })

  it('stops when the bus is closed, and leaves no timer', async () => {
    const { clock, bus, manager } = setUp()
    const runner = await manager.addRunner({
      testType: 'count',
      executionProfile: { delayBetweenIterations: '1m' },
    })
    await runner.start()
    bus.close()
    await clock.advance('302s')
    expect(runner.telemetry?.iterationCount).toBe(6)
    await manager.close()
    expect(clock.pendingTimers).toBe(0)
  })
})

const PROFILE = { iterations: 5, delayBetweenIterations: 1000 }

describe('runnerService()', () => {
  it('lets a run start a runner, sleep, and go on with how it ended', async () => {
    const { clock, runtime } = setUp()
    await runtime.register(
      defineWorkflow({
        id: 'load-test',
        triggers: { wanted: { event: 'load:wanted' } },
        pipelines: {
          main: definePipeline({
            id: 'main',
            stages: [
              {
                id: 'start',
                steps: {
                  start: async ({ use }) => {
                    const runners = await use((deps) => deps.require<RunnerService>('runners'))
                    const pauses = await use((deps) => deps.require<PauseService>('__pause_service__'))
                    const runner = await runners.add({ testType: 'count', executionProfile: PROFILE })
                    await pauses.register({ ...untilRunnerEnds(runner.id), assign: { state: 'ended' } })
                    await runner.start()
                  },
                },
                router: () => pause({ timeout: '1h' }),
              },
              {
                id: 'after',
                steps: { note: ({ state }) => ({ told: `it has ${(state as { ended: string }).ended}` }) },
              },
            ],
          }),
        },
      }),
    )
    const first = await runtime.invoke('load-test', 'wanted')
    expect(first).toMatchObject({ ok: true, value: { status: 'paused' } })
    await clock.advance('10s')
    expect(runtime.watch('load-test', first.metadata.runId)).toMatchObject({
      status: 'succeeded',
      state: { ended: 'completed', told: 'it has completed' },
    })
  })

  it('lets a step wait for a runner, and an abort of the run terminates it', async () => {
    const { clock, manager, runtime } = setUp()
    const ends: ArchiveEntry['state'][] = []
    await runtime.register(
      defineWorkflow({
        id: 'load-test',
        triggers: { wanted: { event: 'load:wanted' } },
        pipelines: {
          main: definePipeline({
            id: 'main',
            stages: [
              {
                id: 'load',
                steps: {
                  load: async ({ use, signal, event }) => {
                    const runners = await use((deps) => deps.require<RunnerService>('runners'))
                    const options = {
                      testType: 'count',
                      executionProfile: { ...PROFILE, ...(event.payload as object) },
                    }
                    ends.push((await runners.run(options, { signal })).state)
                  },
                },
              },
            ],
          }),
        },
      }),
    )
    const done = runtime.invoke('load-test', 'wanted', {})
    await clock.advance('5s')
    expect(await done).toMatchObject({ ok: true, value: { status: 'succeeded' } })
    const aborted = runtime.invoke('load-test', 'wanted', { iterations: 1_000_000 })
    await clock.advance('5s')
    const running = runtime.listAllRuns().find(({ status }) => status === 'running')
    await runtime.abort(running!.runId)
    expect(await aborted).toMatchObject({ ok: false, metadata: { status: 'aborted' } })
    await clock.settle()
    expect(ends).toEqual(['completed', 'terminated'])
    expect((await manager.getArchiveList({})).map(({ state }) => state)).toEqual(['completed', 'terminated'])
  })
})

describe('workflowCalls()', () => {
  it('lets a runner put a workflow under load, and tells failed runs as errors', async () => {
    const later: { runtime?: WorkflowRuntime<Events> } = {}
    const handlers = workflowCalls({ invoke: (...args) => later.runtime!.invoke(...args) })
    const { clock, manager, runtime } = setUp({ handlers })
    later.runtime = runtime
    await runtime.register(
      defineWorkflow({
        id: 'order',
        triggers: { placed: { event: 'order:placed' } },
        pipelines: {
          main: definePipeline({
            id: 'main',
            stages: [
              {
                id: 'pay',
                steps: {
                  pay: ({ event }) => {
                    const { amount } = event.payload as { amount: number }
                    if (amount === 3) throw new Error('no money')
                    return { paid: amount }
                  },
                },
              },
            ],
          }),
        },
      }),
    )
    const runner = await manager.addRunner({ testType: 'invoker', executionProfile: { iterations: 5 } })
    const answers: unknown[] = []
    runner.on('telemetry', ({ message }) =>
      answers.push(...message.map((line) => JSON.parse(line) as unknown)),
    )
    await runner.start()
    await clock.advance('1s')
    expect(runner.state).toBe('completed')
    expect(runner.telemetry).toMatchObject({ iterationCount: 5, errorCount: 1 })
    expect(answers).toMatchObject([
      { ok: true, status: 'succeeded', state: { paid: 0 } },
      { ok: true },
      { ok: true },
      { ok: false, error: { code: 'EXECUTION_FAILED' } },
      { ok: true, state: { paid: 4 } },
    ])
  })
})
