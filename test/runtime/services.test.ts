import { describe, expect, it } from 'vitest'
import {
  type AnyPipeline,
  type Env,
  MemoryTimelineStore,
  type StepContext,
  type WorkflowRuntimeOptions,
} from 'busline'
import { openRuntime } from './open-runtime.js'

const oneStep = (action: (ctx: StepContext) => unknown): AnyPipeline => ({
  id: 'main',
  stages: [{ id: 'only', steps: { work: action } }],
})
const workflow = (id: string, pipeline: AnyPipeline, rest: object = {}) => ({
  id,
  triggers: { go: { event: 'go' } },
  pipelines: { main: pipeline },
  ...rest,
})
const open = (options: Partial<WorkflowRuntimeOptions> = {}) => openRuntime(options)

describe('services of a step', () => {
  it('that are shared are told of on the timeline of each run that asks for them, once, and whether it built them', async () => {
    const timelineStore = new MemoryTimelineStore()
    const { runtime } = open({
      timelineStore,
      services: {
        global: () => 'g',
        broken: () => {
          throw new Error('no luck')
        },
      },
    })
    const action = async ({ use }: StepContext) => {
      for (const key of ['global', 'own', 'mine', 'global', 'own', '__env__']) {
        await use((deps) => deps.require(key))
      }
      await use((deps) => deps.resolve('broken'))
    }
    const services = { own: () => 'w', mine: { scope: 'run', factory: () => 'r' } }
    await runtime.register(workflow('w', oneStep(action), { services }))
    const first = await runtime.invoke('w', 'go')
    const second = await runtime.invoke('w', 'go')
    await runtime.stop()
    const told = async (runId: string) => {
      const events = await timelineStore.getEvents(runId)
      return events.flatMap(({ type, payload: { key, built, error } }) =>
        type === 'service:shared' ? [[key, built, (error as { code?: string } | undefined)?.code]] : [],
      )
    }
    expect(await told(first.metadata.runId)).toEqual([
      ['global', true, undefined],
      ['own', true, undefined],
      ['broken', false, 'EXECUTION_FAILED'],
    ])
    expect(await told(second.metadata.runId)).toEqual([
      ['global', false, undefined],
      ['own', false, undefined],
      ['broken', false, 'EXECUTION_FAILED'],
    ])
  })

  it('are looked for in the run, then in the workflow, then in the runtime', async () => {
    const { runtime } = open({ services: { shared: () => 'global', own: () => 'global' } })
    const read = oneStep(async ({ use }) => ({
      shared: await use((deps) => deps.require('shared')),
      own: await use((deps) => deps.require('own')),
    }))
    await runtime.register(workflow('a', read, { services: { own: () => 'workflow a' } }))
    await runtime.register(workflow('b', read))
    expect(await runtime.invoke('a', 'go')).toMatchObject({
      value: { state: { shared: 'global', own: 'workflow a' } },
    })
    expect(await runtime.invoke('b', 'go')).toMatchObject({
      value: { state: { shared: 'global', own: 'global' } },
    })
  })

  it('are built once per workflow, per run, or each time, as their scope says', async () => {
    const built = { workflow: 0, run: 0, transient: 0 }
    const services = {
      workflow: () => ++built.workflow,
      run: { scope: 'run', factory: () => ++built.run },
      transient: { scope: 'transient', factory: () => ++built.transient },
    }
    const { runtime } = open()
    const twice = oneStep(async ({ use }) => {
      for (const key of ['workflow', 'run', 'transient', 'workflow', 'run', 'transient']) {
        await use((deps) => deps.require(key))
      }
    })
    await runtime.register(workflow('w', twice, { services }))
    await runtime.invoke('w', 'go')
    await runtime.invoke('w', 'go')
    expect(built).toEqual({ workflow: 1, run: 2, transient: 4 })
  })

  it('of a run may read its state, and are built again when what they selected changes', async () => {
    const seen: unknown[] = []
    const services = {
      tenant: {
        scope: 'run',
        factory: ({
          use,
        }: {
          use: <T>(callback: (deps: { select<S>(selector: (state: never) => S): S }) => T) => T
        }) => use((deps) => `tenant ${deps.select((state: { tenant: string }) => state.tenant)}`),
      },
    }
    const ask = async ({ use }: StepContext) => void seen.push(await use((deps) => deps.require('tenant')))
    const pipeline: AnyPipeline = {
      id: 'main',
      initialState: { tenant: 'a', other: 0 },
      stages: [
        { id: 'one', steps: { ask } },
        { id: 'two', steps: { change: () => ({ other: 1 }) } },
        { id: 'three', steps: { ask } },
        { id: 'four', steps: { change: () => ({ tenant: 'b' }) } },
        { id: 'five', steps: { ask } },
      ],
    }
    const { runtime } = open()
    await runtime.register(workflow('w', pipeline, { services }))
    expect(await runtime.invoke('w', 'go')).toMatchObject({ ok: true })
    expect(seen).toEqual(['tenant a', 'tenant a', 'tenant b'])
  })

  it('are cleaned up when their run, their workflow or the runtime ends', async () => {
    const cleaned: string[] = []
    const noting = (name: string, scope: string) => ({
      scope,
      factory: ({ onCleanup }: { onCleanup: (cleanup: () => void) => void }) => {
        onCleanup(() => void cleaned.push(name))
        return name
      },
    })
    const { runtime } = open({ services: { global: noting('global', 'workflow') } as never })
    const services = { run: noting('run', 'run'), workflow: noting('workflow', 'workflow') }
    const all = oneStep(async ({ use }) => {
      for (const key of ['global', 'workflow', 'run']) await use((deps) => deps.require(key))
    })
    await runtime.register(workflow('w', all, { services }))
    await runtime.invoke('w', 'go')
    expect(cleaned).toEqual(['run'])
    await runtime.deregister('w')
    expect(cleaned).toEqual(['run', 'workflow'])
    await runtime.stop()
    expect(cleaned).toEqual(['run', 'workflow', 'global'])
  })

  it('that cannot be had fail their run, with the path; resolve gives the reason as a value', async () => {
    const { runtime } = open()
    const services = {
      a: ({ use }: { use: (callback: (deps: { require(key: string): unknown }) => unknown) => unknown }) =>
        use((deps) => deps.require('b')),
    }
    await runtime.register(
      workflow(
        'throws',
        oneStep(({ use }) => use((deps) => deps.require('a'))),
        { services },
      ),
    )
    await runtime.register(
      workflow(
        'asks',
        oneStep(async ({ use }) => ({ ok: (await use((deps) => deps.resolve('nothing'))).ok })),
      ),
    )
    const failed = await runtime.invoke('throws', 'go')
    expect(failed).toMatchObject({ ok: false, error: { code: 'EXECUTION_FAILED' } })
    expect(!failed.ok && failed.error.message).toContain('a -> b')
    expect(await runtime.invoke('asks', 'go')).toMatchObject({ value: { state: { ok: false } } })
  })

  it.each(['__env__', '__pause_service__'])('may not be called %s', async (id) => {
    const { runtime } = open()
    const services = { [id]: () => 1 }
    await expect(
      runtime.register(
        workflow(
          'w',
          oneStep(() => {}),
          { services },
        ),
      ),
    ).rejects.toMatchObject({
      code: 'DUPLICATE_KEY',
      message: expect.stringContaining(id),
    })
    expect(() => open({ services })).toThrow(expect.objectContaining({ code: 'DUPLICATE_KEY' }))
    expect(runtime.listWorkflows()).toEqual([])
  })

  it('that are eager and fail keep their workflow from being registered', async () => {
    const { runtime, bus } = open()
    const services = {
      db: {
        lazy: false,
        factory: () => {
          throw new Error('no connection')
        },
      },
    }
    await expect(
      runtime.register(
        workflow(
          'w',
          oneStep(() => {}),
          { services },
        ),
      ),
    ).rejects.toMatchObject({
      code: 'EXECUTION_FAILED',
    })
    expect(runtime.hasWorkflow('w')).toBe(false)
    expect(bus.hasSubscribers('go')).toBe(false)
  })
})

describe('the timeline of a run', () => {
  it('tells of the services that were built for it, and of those that failed', async () => {
    const timelineStore = new MemoryTimelineStore()
    const { runtime } = open({ timelineStore })
    const services = {
      good: { scope: 'run', factory: () => ({ a: 'secret connection' }) },
      bad: {
        scope: 'run',
        factory: () => {
          throw new Error('no connection')
        },
      },
    }
    const both = oneStep(async ({ use }) => {
      await use((deps) => deps.require('good'))
      await use((deps) => deps.resolve('bad'))
    })
    await runtime.register(workflow('w', both, { services }))
    const { metadata } = await runtime.invoke('w', 'go')
    await runtime.stop()
    const events = await timelineStore.getEvents(metadata.runId)
    const told = events.filter(({ source }) => source === 'container')
    expect(told.map(({ type, payload }) => `${type} ${String(payload['key'])}`)).toEqual([
      'service:build:start good',
      'service:build:complete good',
      'service:build:start bad',
      'service:build:error bad',
    ])
    expect(JSON.stringify(told)).toContain('no connection')
    expect(JSON.stringify(told)).not.toContain('secret connection')
  })
})

describe('the env', () => {
  const readEnv = (read: (env: Env) => unknown) =>
    oneStep(async ({ use }) => ({ seen: read(await use((deps) => deps.require<Env>('__env__'))) }))

  it('answers from the workflow, then from the runtime, else with undefined', async () => {
    const { runtime } = open({ env: { region: 'eu', level: 'global' } })
    const read = readEnv((env) => [env.get('level'), env.get('region'), env.get('missing') ?? 'nothing'])
    await runtime.register(workflow('w', read, { env: { level: 'workflow' } }))
    expect(await runtime.invoke('w', 'go')).toMatchObject({
      value: { state: { seen: ['workflow', 'eu', 'nothing'] } },
    })
  })

  it('is the environment of the process when the runtime is given none', async () => {
    const { runtime } = open()
    await runtime.register(
      workflow(
        'w',
        readEnv((env) => env.get('PATH') === process.env['PATH']),
      ),
    )
    expect(await runtime.invoke('w', 'go')).toMatchObject({ value: { state: { seen: true } } })
  })

  it('cannot be enumerated, written to or walked into', async () => {
    const { runtime } = open({ env: { secret: 'hush' } })
    const read = readEnv((env) => {
      expect(() => Object.assign(env, { get: () => 'mine' })).toThrow(TypeError)
      return [
        Object.keys(env),
        JSON.stringify(env),
        env.get('__proto__') ?? null,
        env.get('constructor') ?? null,
      ]
    })
    await runtime.register(workflow('w', read))
    expect(await runtime.invoke('w', 'go')).toMatchObject({
      value: { state: { seen: [['get'], '{}', null, null] } },
    })
  })

  it('is never on a timeline', async () => {
    const timelineStore = new MemoryTimelineStore()
    const { runtime } = open({ env: { secret: 'hush-hush' }, timelineStore })
    await runtime.register(
      workflow(
        'w',
        readEnv((env) => String(env.get('secret')).length),
        { env: { other: 'hush-too' } },
      ),
    )
    const { metadata } = await runtime.invoke('w', 'go')
    await runtime.stop()
    const text = JSON.stringify([
      await timelineStore.getEvents(metadata.runId),
      await timelineStore.listRuns(),
    ])
    expect(text).toContain('step:success')
    expect(text).not.toContain('hush')
  })
})
