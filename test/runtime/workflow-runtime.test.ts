import { describe, expect, it } from 'vitest'
import { type AnyPipeline, type DispatchResult, type RunResult, defineWorkflow, pause } from 'busline'
import { openRuntime } from './open-runtime.js'

const never = () => new Promise<never>(() => {})
const oneStage = (action: (ctx: never) => unknown, rest: Partial<AnyPipeline> = {}): AnyPipeline => ({
  id: 'main',
  stages: [{ id: 'only', steps: { work: action } }],
  ...rest,
})
const onOrders = (pipeline: AnyPipeline) =>
  defineWorkflow({
    id: 'orders',
    triggers: { placed: { event: 'order:placed' } },
    pipelines: { main: pipeline },
  })

describe('an event on the bus', () => {
  it('becomes a run of the pipeline its trigger names', async () => {
    const { bus, runtime, clock } = openRuntime()
    const receipts: DispatchResult[] = []
    const results: RunResult[] = []
    await runtime.register(
      onOrders({
        id: 'main',
        initialState: (event: { payload: object }) => ({ ...event.payload, seen: 0 }),
        stages: [
          {
            id: 'only',
            steps: { work: ({ state }: { state: { seen: number } }) => ({ seen: state.seen + 1 }) },
          },
        ],
      }),
      { onDispatch: (receipt) => receipts.push(receipt), onComplete: (result) => void results.push(result) },
    )
    const event = bus.publish('order:placed', { id: 7 })
    await clock.settle()
    expect(receipts).toMatchObject([{ outcome: 'started', eventId: event.id, triggerId: 'placed' }])
    expect(results).toMatchObject([{ ok: true, value: { status: 'succeeded', state: { id: 7, seen: 1 } } }])
    expect(runtime.listAllRuns()).toMatchObject([{ status: 'succeeded', eventId: event.id }])
    expect(runtime.watch('orders', receipts[0]!.runId!)).toMatchObject({ status: 'succeeded' })
    expect(runtime.watch('others', receipts[0]!.runId!)).toBeUndefined()
  })

  it('for which when is false gets no receipt; one that does not fit the schema is invalid', async () => {
    const { bus, runtime } = openRuntime()
    await runtime.register({
      id: 'w',
      triggers: {
        big: {
          event: 'order',
          when: ({ payload }) => (payload as { total: number }).total > 10,
          schema: {
            '~standard': {
              version: 1,
              vendor: 'test',
              validate: (value) =>
                (value as { id?: string }).id
                  ? { value }
                  : { issues: [{ message: 'is missing', path: ['id'] }] },
            },
          },
        },
      },
      pipelines: { main: oneStage(() => {}) },
    })
    bus.publish('order', { total: 1 })
    bus.publish('order', { total: 11 })
    expect(runtime.dispatches().receipts).toMatchObject([{ outcome: 'invalid', reason: 'id: is missing' }])
  })

  it('with a trigger function that throws is invalid, and reaches the other workflows', async () => {
    const { bus, runtime, clock } = openRuntime()
    const broken = () => {
      throw new Error('oops')
    }
    await runtime.register({ ...onOrders(oneStage(() => {})), id: 'a' }, { key: broken })
    await runtime.register({ ...onOrders(oneStage(() => {})), id: 'b' })
    bus.publish('order:placed', {})
    await clock.settle()
    const outcomes = runtime.dispatches().receipts.map(({ workflowId, outcome }) => [workflowId, outcome])
    expect(outcomes).toEqual([
      ['a', 'invalid'],
      ['b', 'started'],
    ])
  })

  it('that comes twice under one id is one run and a duplicate', async () => {
    const { runtime, clock } = openRuntime()
    await runtime.register(onOrders(oneStage(() => {})))
    const first = await runtime.submit('order:placed', {}, { id: 'same' })
    const second = await runtime.submit('order:placed', {}, { id: 'same' })
    await clock.settle()
    expect(first).toMatchObject({ ok: true, value: [{ outcome: 'started' }] })
    expect(second).toMatchObject({ ok: true, value: [{ outcome: 'duplicate' }] })
    expect(runtime.listAllRuns()).toHaveLength(1)
  })

  it('that a run publishes leaves when its stage commits, and names what caused it', async () => {
    const { bus, runtime, clock } = openRuntime()
    const seen: unknown[] = []
    bus.subscribe('order:done', ({ causationId, correlationId }) => seen.push([causationId, correlationId]))
    await runtime.register(
      onOrders(
        oneStage(({ publish }: { publish: (type: string, payload: unknown) => void }) =>
          publish('order:done', 1),
        ),
      ),
    )
    const { id } = bus.publish('order:placed', {}, { correlationId: 'c1' })
    await clock.settle()
    expect(seen).toEqual([[id, 'c1']])
  })
})

describe('register', () => {
  it.each([
    ['no id', { triggers: {}, pipelines: {} }, 'id'],
    ['no pipelines', { id: 'w', triggers: {}, pipelines: {} }, 'pipelines'],
    [
      'a stage without an id',
      { id: 'w', triggers: {}, pipelines: { main: { id: 'p', stages: [{}] } } },
      'pipelines.main.stages.0.id',
    ],
    [
      'two stages of one id',
      { id: 'w', triggers: {}, pipelines: { main: { id: 'p', stages: [{ id: 'a' }, { id: 'a' }] } } },
      'pipelines.main.stages.1.id',
    ],
    [
      'a trigger without a pipeline',
      { id: 'w', triggers: { t: { event: 'e', pipeline: 'nope' } }, pipelines: { main: oneStage(() => {}) } },
      'triggers.t.pipeline',
    ],
    [
      'a trigger without an event',
      { id: 'w', triggers: { t: {} }, pipelines: { main: oneStage(() => {}) } },
      'triggers.t',
    ],
    [
      'a bad duration',
      {
        id: 'w',
        triggers: {},
        pipelines: {
          main: { id: 'p', stages: [{ id: 'a', steps: { s: { action: () => {}, timeout: 'soon' } } }] },
        },
      },
      'pipelines.main.stages.0.steps.s.timeout',
    ],
    [
      'fewer than no retries',
      {
        id: 'w',
        triggers: {},
        pipelines: {
          main: { id: 'p', stages: [{ id: 'a', steps: { s: { action: () => {}, retry: -1 } } }] },
        },
      },
      'pipelines.main.stages.0.steps.s.retry',
    ],
    [
      'fewer than no retries in a policy',
      {
        id: 'w',
        triggers: {},
        pipelines: {
          main: { id: 'p', stages: [{ id: 'a', steps: { s: { action: () => {}, retry: { limit: -1 } } } }] },
        },
      },
      'pipelines.main.stages.0.steps.s.retry.limit',
    ],
    [
      'a schedule without a word',
      { id: 'w', triggers: { t: { schedule: '' } }, pipelines: { main: oneStage(() => {}) } },
      'triggers.t.schedule',
    ],
    [
      'a misspelt option',
      { id: 'w', triggers: {}, pipelines: { main: { id: 'p', stages: [{ id: 'a', ruoter: () => {} }] } } },
      'pipelines.main.stages.0',
    ],
    [
      'a fault in a child',
      {
        id: 'w',
        triggers: {},
        pipelines: { main: { id: 'p', stages: [{ id: 'a', pipelines: [{ id: 'c', stages: [] }] }] } },
      },
      'pipelines.main.stages.0.pipelines.0.stages',
    ],
  ])('refuses %s, naming the path, and changes nothing', async (_what, workflow, path) => {
    const { runtime } = openRuntime()
    const refused = runtime.register(workflow as never)
    await expect(refused).rejects.toMatchObject({ code: 'VALIDATION' })
    const error = (await refused.catch((each: unknown) => each)) as {
      context: { issues: { path: string }[] }
    }
    expect(error.context.issues.map((issue) => issue.path)).toContain(path)
    expect(runtime.listWorkflows()).toEqual([])
  })

  it('lists all faults at once, those of the options too', async () => {
    const { runtime } = openRuntime()
    const refused = runtime.register(
      { id: '', triggers: { 'a/b': {} }, pipelines: { main: { id: 1 } } } as never,
      {
        mode: { type: 'warp' } as never,
        debounce: { wait: 'x' as never },
        onDone: () => {},
      } as never,
    )
    const error = (await refused.catch((each: unknown) => each)) as {
      context: { issues: { path: string }[] }
    }
    expect(error.context.issues.map((issue) => issue.path).sort()).toEqual([
      'debounce.wait',
      'id',
      'mode.type',
      'onDone',
      'pipelines.main.id',
      'pipelines.main.stages',
      'triggers.a/b',
    ])
  })

  it('lists names that lead nowhere and ids that are taken twice beside what is malformed', async () => {
    const { runtime } = openRuntime()
    const refused = runtime.register(
      {
        id: '',
        triggers: {
          none: {},
          lost: { event: 'a', pipeline: 'gone' },
          odd: { event: 'b', when: 5 },
          not: null,
        },
        pipelines: {
          main: {
            id: 'main',
            stages: [
              { id: 'a', timeout: 'soon' },
              { id: 'a' },
              { id: 'b', steps: { s: 5, t: {}, u: { action: () => {}, retry: -1 } } },
              { id: 'c', forEach: () => [], pipelines: [] },
              null,
              { id: 'd', where: () => true },
            ],
          },
          empty: { id: 'empty', stages: [] },
          flat: 5,
        },
      } as never,
      { mode: { type: 'warp' } as never },
    )
    const error = (await refused.catch((each: unknown) => each)) as {
      context: { issues: { path: string }[] }
    }
    expect(error.context.issues.map((issue) => issue.path).sort()).toEqual([
      'id',
      'mode.type',
      'pipelines.empty.stages',
      'pipelines.flat',
      'pipelines.main.stages.0.timeout',
      'pipelines.main.stages.1.id',
      'pipelines.main.stages.2.steps.s',
      'pipelines.main.stages.2.steps.t',
      'pipelines.main.stages.2.steps.u.retry',
      'pipelines.main.stages.3.pipelines',
      'pipelines.main.stages.4',
      'pipelines.main.stages.5.where',
      'triggers.lost.pipeline',
      'triggers.none',
      'triggers.none.pipeline',
      'triggers.not',
      'triggers.odd.pipeline',
      'triggers.odd.when',
    ])
    expect(runtime.listWorkflows()).toEqual([])
  })

  it('refuses what is no object, and what contains itself', async () => {
    const { runtime } = openRuntime()
    const cyclic = { id: 'p', stages: [{ id: 's', pipelines: [] as unknown[] }] }
    cyclic.stages[0]!.pipelines.push(cyclic)
    for (const workflow of [null, 42, 'w', { id: 'w', triggers: {}, pipelines: { main: cyclic } }]) {
      await expect(runtime.register(workflow as never)).rejects.toMatchObject({ code: 'VALIDATION' })
    }
  })

  it('refuses an id that is taken', async () => {
    const { runtime } = openRuntime()
    await runtime.register(onOrders(oneStage(() => {})))
    await expect(runtime.register(onOrders(oneStage(() => {})))).rejects.toMatchObject({
      code: 'DUPLICATE_KEY',
    })
  })
})

describe('invoke', () => {
  it('goes past bus and mode and resolves when the run ends', async () => {
    const { runtime } = openRuntime()
    await runtime.register(
      onOrders(oneStage(({ event }: { event: { payload: unknown } }) => ({ got: event.payload }))),
      { mode: { type: 'transient', concurrency: 1, capacity: 0 } },
    )
    const result = await runtime.invoke('orders', 'placed', { n: 1 })
    expect(result).toMatchObject({
      ok: true,
      value: { status: 'succeeded', state: { got: { n: 1 } } },
      metadata: { workflowId: 'orders', triggerId: 'placed', pipelineId: 'main' },
    })
    expect(runtime.dispatches().receipts).toEqual([])
  })

  it('takes a whole event as well', async () => {
    const { runtime, bus } = openRuntime()
    await runtime.register(onOrders(oneStage(({ event }: { event: { id: string } }) => ({ id: event.id }))))
    const event = bus.createEvent('order:placed', {}, { id: 'mine' })
    expect(await runtime.invoke('orders', 'placed', event)).toMatchObject({
      value: { state: { id: 'mine' } },
    })
  })

  it.each([
    ['nothing', 'placed', 'NOT_FOUND'],
    ['orders', 'nothing', 'NOT_FOUND'],
  ])('of %s/%s is a Result too', async (workflowId, triggerId, code) => {
    const { runtime } = openRuntime()
    await runtime.register(onOrders(oneStage(() => {})))
    expect(await runtime.invoke(workflowId, triggerId)).toMatchObject({ ok: false, error: { code } })
  })

  it('resolves to the error of a run that failed', async () => {
    const { runtime } = openRuntime()
    await runtime.register(
      onOrders(
        oneStage(() => {
          throw new Error('no stock')
        }),
      ),
    )
    const result = await runtime.invoke('orders', 'placed')
    expect(result).toMatchObject({
      ok: false,
      error: { code: 'EXECUTION_FAILED' },
      metadata: { status: 'failed' },
    })
  })

  it('whose initial state is no plain data fails that run', async () => {
    const { runtime } = openRuntime()
    await runtime.register(onOrders(oneStage(() => {}, { initialState: () => ({ f: () => 1 }) })))
    expect(await runtime.invoke('orders', 'placed')).toMatchObject({
      ok: false,
      error: { code: 'VALIDATION' },
    })
  })
})

describe('pause and resume', () => {
  const asking: AnyPipeline = {
    id: 'main',
    stages: [
      { id: 'ask', router: () => pause() },
      {
        id: 'end',
        steps: { note: ({ state }: { state: { n?: number } }) => ({ doubled: (state.n ?? 0) * 2 }) },
      },
    ],
  }

  it('continue a run with a patch, once', async () => {
    const { runtime } = openRuntime()
    await runtime.register(onOrders(asking))
    const paused = await runtime.invoke('orders', 'placed')
    expect(paused).toMatchObject({
      ok: true,
      value: { status: 'paused', checkpoint: { workflowId: 'orders' } },
    })
    const { runId } = paused.metadata
    const [first, second] = await Promise.all([
      runtime.resume(runId, { n: 4 }),
      runtime.resume(runId, { n: 5 }),
    ])
    expect(first).toMatchObject({ ok: true, value: { status: 'succeeded', state: { n: 4, doubled: 8 } } })
    expect(second).toMatchObject({ ok: false, error: { code: 'INVALID_COMMAND' } })
    expect(await runtime.resume(runId)).toMatchObject({
      ok: false,
      error: { code: 'INVALID_COMMAND' },
      metadata: { runId, workflowId: 'orders', triggerId: 'placed', pipelineId: 'main' },
    })
    expect(await runtime.resume('nobody')).toMatchObject({ ok: false, error: { code: 'NOT_FOUND' } })
  })

  it('resume against abort, in both orders: one wins and the other is told', async () => {
    const { runtime } = openRuntime()
    await runtime.register(onOrders(asking))
    const one = (await runtime.invoke('orders', 'placed')).metadata.runId
    const [resumed, aborted] = await Promise.all([runtime.resume(one), runtime.abort(one)])
    expect(resumed).toMatchObject({ ok: false, error: { code: 'ABORTED' } })
    expect(aborted).toMatchObject({ ok: true, value: { status: 'aborted' } })

    const two = (await runtime.invoke('orders', 'placed')).metadata.runId
    const [, late] = await Promise.all([runtime.abort(two), runtime.resume(two)])
    expect(late).toMatchObject({ ok: false, error: { code: 'INVALID_COMMAND' } })
    expect(runtime.watch('orders', two)).toMatchObject({ status: 'aborted' })
  })

  it('in transient mode give the slot back and take one again', async () => {
    const { runtime, bus, clock } = openRuntime()
    await runtime.register(onOrders(asking), { mode: { type: 'transient', concurrency: 1 } })
    bus.publish('order:placed', {})
    bus.publish('order:placed', {})
    await clock.settle()
    const runs = runtime.listAllRuns()
    expect(runs.map(({ status }) => status)).toEqual(['paused', 'paused'])
    await Promise.all(runs.map(({ runId }) => runtime.resume(runId)))
    expect(runtime.listAllRuns().map(({ status }) => status)).toEqual(['succeeded', 'succeeded'])
  })
})

describe('abort', () => {
  it('reaches a run that waits for its turn, which gets its last receipt', async () => {
    const { runtime, bus, clock } = openRuntime()
    await runtime.register(onOrders(oneStage(never)), { mode: { type: 'serialized' } })
    bus.publish('order:placed', {})
    bus.publish('order:placed', {})
    const queued = runtime.dispatches().receipts.find(({ outcome }) => outcome === 'queued')!
    expect(runtime.watch('orders', queued.runId!)).toMatchObject({ status: 'queued' })
    expect(runtime.listAllRuns().map(({ status }) => status)).toEqual(['running', 'queued'])
    expect(await runtime.resume(queued.runId!)).toMatchObject({ error: { code: 'INVALID_COMMAND' } })
    expect(await runtime.abort(queued.runId!, 'not needed')).toEqual({ ok: true, value: undefined })
    expect(runtime.dispatches().receipts.at(-1)).toMatchObject({ outcome: 'dropped', reason: 'not needed' })
    expect(runtime.watch('orders', queued.runId!)).toBeUndefined()
    await clock.settle()
    await runtime.stop()
  })

  it('reaches a running and a paused run, over the bus too', async () => {
    const { runtime, bus, clock } = openRuntime()
    await runtime.register(onOrders(oneStage(never)))
    await runtime.register({
      id: 'asks',
      triggers: { t: { event: 'ask' } },
      pipelines: { main: { id: 'p', stages: [{ id: 's', router: () => pause({ timeout: '1h' }) }] } },
    })
    bus.publish('order:placed', {})
    bus.publish('ask', {})
    await clock.settle()
    for (const { runId } of runtime.listAllRuns()) bus.publish('run:abort', { runId, reason: 'by event' })
    await clock.settle()
    expect(runtime.listAllRuns().map(({ status }) => status)).toEqual(['aborted', 'aborted'])
    expect(runtime.listAllRuns()[0]!.error?.message).toContain('by event')
    expect(clock.pendingTimers).toBe(0)
  })

  it('of a run whose end is being told says that it comes too late', async () => {
    const { runtime, clock } = openRuntime()
    let told = () => {}
    const held = new Promise<void>((resolve) => (told = resolve))
    await runtime.register(onOrders(oneStage(() => ({ done: true }))), { onComplete: () => held })
    const invoked = runtime.invoke('orders', 'placed')
    await clock.settle()
    const { runId } = runtime.listAllRuns()[0]!
    const aborted = runtime.abort(runId)
    told()
    expect(await aborted).toMatchObject({
      ok: false,
      error: { code: 'INVALID_COMMAND', context: { runId, status: 'succeeded' } },
    })
    expect(await invoked).toMatchObject({ ok: true, value: { status: 'succeeded' } })
  })

  it('of a run that has ended says that it comes too late', async () => {
    const { runtime } = openRuntime()
    await runtime.register(onOrders(oneStage(() => {})))
    const { runId } = (await runtime.invoke('orders', 'placed')).metadata
    expect(await runtime.abort(runId)).toMatchObject({ ok: false, error: { code: 'INVALID_COMMAND' } })
    expect(await runtime.abort('nobody')).toMatchObject({ ok: false, error: { code: 'NOT_FOUND' } })
  })
})

describe('hooks', () => {
  it('are called in their order, and deregister is safe inside the last', async () => {
    const { runtime, bus, clock } = openRuntime()
    const trace: string[] = []
    bus.subscribe('*', ({ type }) => trace.push(type))
    await runtime.register(
      onOrders({
        id: 'main',
        initialState: { n: 0 },
        stages: [
          { id: 'a', router: () => pause({ timeout: '1s' }) },
          { id: 'b', steps: { s: ({ state }: { state: object }) => void trace.push(JSON.stringify(state)) } },
        ],
      }),
      {
        onDispatch: ({ outcome }) => trace.push(`onDispatch ${outcome}`),
        onPrepare: async (ctx) => {
          await Promise.resolve()
          ctx.setState({ n: 1 })
          trace.push('onPrepare')
        },
        onResume: (ctx) => {
          ctx.setState((draft: { n: number }) => void draft.n++)
          trace.push(`onResume ${ctx.resume?.kind}`)
        },
        onComplete: ({ ok }) => void trace.push(`onComplete ${ok}`),
        onCleanup: async () => {
          trace.push('onCleanup')
          await runtime.deregister('orders')
          trace.push('deregistered')
        },
      },
    )
    bus.publish('order:placed', {})
    await clock.advance('1s')
    expect(trace).toEqual([
      'onDispatch started',
      'order:placed',
      'run:started',
      'onPrepare',
      'run:paused',
      'run:resumed',
      'onResume timeout',
      '{"n":2}',
      'onComplete true',
      'run:completed',
      'onCleanup',
      'deregistered',
    ])
    expect(runtime.hasWorkflow('orders')).toBe(false)
  })

  it('that throw, reject or never settle change no outcome and are reported', async () => {
    const { runtime, bus, clock } = openRuntime()
    const reported: string[] = []
    bus.subscribe('bus:error', ({ payload }) => reported.push(payload.what!))
    const broken = () => {
      throw new Error('broken hook')
    }
    await runtime.register(onOrders(oneStage(() => ({ done: true }))), {
      onDispatch: broken,
      onPrepare: () => Promise.reject(new Error('broken hook')),
      onComplete: never,
      onCleanup: broken,
    })
    bus.publish('order:placed', {})
    await clock.advance('30s')
    expect(runtime.listAllRuns()).toMatchObject([{ status: 'succeeded', state: { done: true } }])
    expect(reported).toEqual(['Hook onDispatch', 'Hook onPrepare', 'Hook onComplete', 'Hook onCleanup'])
    expect(clock.pendingTimers).toBe(0)
  })
})

describe('signal', () => {
  it('lands in a live run between stages, over the bus too', async () => {
    const { runtime, bus, clock } = openRuntime()
    await runtime.register(
      onOrders({ id: 'main', stages: [{ id: 'a', router: () => pause() }, { id: 'b' }] }),
    )
    const { runId } = (await runtime.invoke('orders', 'placed')).metadata
    expect(await runtime.signal(runId, { a: 1 })).toMatchObject({ ok: true, value: { state: { a: 1 } } })
    bus.publish('run:signal', { runId, patch: { b: 2 } })
    await clock.settle()
    expect(await runtime.resume(runId)).toMatchObject({ value: { state: { a: 1, b: 2 } } })
    expect(await runtime.signal(runId, {})).toMatchObject({ ok: false, error: { code: 'INVALID_COMMAND' } })
  })

  it('is what singleton_loop writes while busy', async () => {
    const { runtime, bus, clock } = openRuntime()
    await runtime.register(onOrders({ id: 'main', stages: [{ id: 'a', router: () => pause() }] }), {
      mode: { type: 'singleton_loop', onBusy: 'signal', toPatch: ({ payload }) => ({ last: payload }) },
    })
    bus.publish('order:placed', 1)
    await clock.settle()
    bus.publish('order:placed', 2)
    await clock.settle()
    expect(runtime.listAllRuns()).toMatchObject([{ status: 'paused', state: { last: 2 } }])
    expect(runtime.dispatches().counts).toMatchObject({ started: 1, signalled: 1 })
  })
})

describe('stop', () => {
  it('leaves no timer, no subscription and no run behind, and refuses what comes later', async () => {
    const { runtime, bus, clock } = openRuntime()
    await runtime.register(onOrders(oneStage(never)), { mode: { type: 'serialized' } })
    await runtime.register({
      id: 'sleeper',
      triggers: { t: { event: 'sleep' } },
      pipelines: {
        main: {
          id: 'p',
          stages: [{ id: 's', router: () => pause({ timeout: '9d', until: { event: 'x' } }) }],
        },
      },
    })
    bus.publish('order:placed', {})
    bus.publish('order:placed', {})
    bus.publish('sleep', {})
    const invoked = runtime.invoke('orders', 'placed')
    await clock.settle()
    await runtime.stop()
    expect(await invoked).toMatchObject({ ok: false, error: { code: 'ABORTED' } })
    expect(runtime.dispatches().receipts.at(-1)).toMatchObject({ outcome: 'dropped' })
    expect(clock.pendingTimers).toBe(0)
    for (const type of ['order:placed', 'sleep', 'x', 'run:abort'])
      expect(bus.hasSubscribers(type)).toBe(false)
    expect(await runtime.invoke('orders', 'placed')).toMatchObject({ error: { code: 'UNAVAILABLE' } })
    await expect(runtime.register(onOrders(oneStage(never)))).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  })

  it('with drain waits for runs under way, but not for ever', async () => {
    const { runtime, bus, clock } = openRuntime()
    let release = () => {}
    await runtime.register(onOrders(oneStage(() => new Promise<void>((resolve) => (release = resolve)))))
    bus.publish('order:placed', {})
    await clock.settle()
    const stopped = runtime.stop({ drain: true, timeout: '10s' })
    await clock.settle()
    expect(runtime.listAllRuns()).toMatchObject([{ status: 'running' }])
    release()
    await stopped
    expect(runtime.listAllRuns()).toMatchObject([{ status: 'succeeded' }])

    const other = openRuntime()
    await other.runtime.register(onOrders(oneStage(never)))
    other.bus.publish('order:placed', {})
    const late = other.runtime.stop({ drain: true, timeout: '10s' })
    await other.clock.advance('10s')
    await late
    expect(other.runtime.listAllRuns()).toMatchObject([{ status: 'aborted' }])
  })
})

describe('deregister', () => {
  it('ends its runs and frees the id; the new registration has nothing to do with the old', async () => {
    const { runtime, bus, clock } = openRuntime()
    await runtime.register(onOrders(oneStage(never)), { mode: { type: 'serialized' } })
    bus.publish('order:placed', {})
    bus.publish('order:placed', {})
    const leaving = runtime.deregister('orders')
    await runtime.register(onOrders(oneStage(() => ({ fresh: true }))))
    bus.publish('order:placed', {})
    await leaving
    await clock.settle()
    expect(
      runtime
        .listAllRuns()
        .map(({ status }) => status)
        .sort(),
    ).toEqual(['aborted', 'succeeded'])
    await expect(runtime.deregister('nothing')).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })
})
