import {
  type StepExecutor,
  SystemError,
  WorkflowRuntime,
  createEventBus,
  defineWorkflow,
  localExecutor,
  memoryStorage,
  workflow,
} from 'busline'
import { faultInjecting } from 'busline/testing'
import { describe, expect, it } from 'vitest'
import { MemoryTimelineStore } from '../../src/timeline/memory-timeline-store.js'
import { openRuntime, quietLogger } from '../runtime/open-runtime.js'

interface Shop {
  'photo:added': { file: string; sizes: number[] }
}

const resize = defineWorkflow<Shop>()({
  id: 'resize',
  triggers: { added: { event: 'photo:added' } },
  pipelines: {
    main: {
      id: 'main',
      initialState: ({ payload }: { payload: unknown }) => payload as Shop['photo:added'],
      stages: [{ id: 'scale', steps: { thumbnails: { task: 'thumbnails' } } }],
    },
  },
})

describe('a step with a task', () => {
  it('hands the run state to the executor and writes what comes back', async () => {
    const executor = localExecutor({
      thumbnails: ({ file, sizes }: Shop['photo:added']) => ({
        files: sizes.map((size) => `${size}-${file}`),
      }),
    })
    const { runtime } = openRuntime<Shop>({ executors: { threads: executor } })
    await runtime.register(resize)
    const result = await runtime.invoke('resize', 'added', { file: 'cat.png', sizes: [1, 2] })
    expect(result).toMatchObject({
      ok: true,
      value: { state: { file: 'cat.png', files: ['1-cat.png', '2-cat.png'] } },
    })
  })

  it('is written in the short form, its input and output mapped', async () => {
    const photo = workflow<Shop>()('photo', { on: 'photo:added' })
      .task('scale', {
        task: 'thumbnails',
        input: ({ state }) => ({ of: state.file }),
        output: (result: { name: string }) => ({ thumbnail: result.name }),
      })
      .step('tell', ({ state }) => ({ told: state.thumbnail.toUpperCase() }))
      .build()
    const executor = localExecutor({ thumbnails: ({ of }: { of: string }) => ({ name: `small-${of}` }) })
    const { runtime } = openRuntime<Shop>({ executors: { threads: executor } })
    await runtime.register(photo)
    const result = await runtime.invoke('photo', 'photo:added', { file: 'a', sizes: [] })
    expect(result).toMatchObject({ ok: true, value: { state: { told: 'SMALL-A' } } })
  })

  it('is tried again under its policy, with the same idempotency key', async () => {
    const seen: unknown[] = []
    const executor = localExecutor({
      thumbnails: (_input: unknown, { attempt, idempotencyKey, requires, key }) => {
        seen.push({ attempt, idempotencyKey, requires, key })
        if (attempt < 3) throw new Error('not yet')
      },
    })
    const { runtime, bus } = openRuntime<Shop>({ executors: { threads: executor } })
    await runtime.register(
      workflow<Shop>()('photo', { on: 'photo:added', key: ({ payload }) => payload.file })
        .task('scale', { task: 'thumbnails', retry: 2, requires: { gpu: true } })
        .build(),
    )
    const completed = bus.waitFor('run:completed')
    bus.publish('photo:added', { file: 'a', sizes: [] })
    await completed
    const [{ idempotencyKey }] = seen as [{ idempotencyKey: string }]
    expect(seen).toEqual(
      [1, 2, 3].map((attempt) => ({ attempt, idempotencyKey, requires: { gpu: true }, key: 'a' })),
    )
  })

  it('is not tried again when the task says that the error is final', async () => {
    let attempts = 0
    const executor = localExecutor({
      thumbnails: () => {
        attempts++
        throw Object.assign(new Error('no such file'), { retryable: false })
      },
    })
    const { runtime } = openRuntime<Shop>({ executors: { threads: executor } })
    await runtime.register(
      workflow<Shop>()('photo', { on: 'photo:added' })
        .task('scale', { task: 'thumbnails', retry: 5 })
        .build(),
    )
    const result = await runtime.invoke('photo', 'photo:added', { file: 'a', sizes: [] })
    expect(result).toMatchObject({ ok: false, error: { code: 'EXECUTION_FAILED' } })
    expect(attempts).toBe(1)
  })

  it('times out like any step, and the executor is told', async () => {
    let reason: unknown
    const executor: StepExecutor = {
      execute: (_task, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            reason = signal.reason
            reject(new Error('too late to matter'))
          })
        }),
      close: () => Promise.resolve(),
    }
    const { runtime, clock } = openRuntime<Shop>({ executors: { threads: executor } })
    await runtime.register(
      workflow<Shop>()('photo', { on: 'photo:added' }).task('scale', { task: 'x', timeout: '5s' }).build(),
    )
    const running = runtime.invoke('photo', 'photo:added', { file: 'a', sizes: [] })
    await clock.advance('5s')
    const result = await running
    expect(result).toMatchObject({ ok: false, error: { errors: [{ code: 'TIMEOUT' }] } })
    expect(reason).toMatchObject({ code: 'TIMEOUT' })
  })

  it('tells the executor of an abort of its run', async () => {
    let begin = () => {}
    const begun = new Promise<void>((resolve) => (begin = resolve))
    let reason: unknown
    const executor = localExecutor({
      x: (_input: unknown, { signal, runId }) => {
        signal.addEventListener('abort', () => (reason = signal.reason))
        begin()
        return new Promise(() => void runId)
      },
    })
    const { runtime } = openRuntime<Shop>({ executors: { threads: executor } })
    await runtime.register(
      workflow<Shop>()('photo', { on: 'photo:added' }).task('scale', { task: 'x' }).build(),
    )
    const running = runtime.invoke('photo', 'photo:added', { file: 'a', sizes: [] })
    await begun
    const [run] = runtime.listAllRuns()
    await runtime.abort(run!.runId, 'not needed')
    expect(await running).toMatchObject({ ok: false, metadata: { status: 'aborted' } })
    expect(reason).toMatchObject({ code: 'ABORTED' })
  })

  it('stands on the timeline with its task, its progress and its logs', async () => {
    const timelineStore = new MemoryTimelineStore()
    const executor = localExecutor({
      thumbnails: (_input: unknown, { progress, logger }) => {
        progress(0.5, 'half')
        logger.info('scaling', { size: 2 })
      },
    })
    const { runtime } = openRuntime<Shop>({ executors: { threads: executor }, timelineStore })
    await runtime.register(resize)
    const { metadata } = await runtime.invoke('resize', 'added', { file: 'a', sizes: [] })
    await runtime.stop({ drain: true })
    const events = await timelineStore.getEvents(metadata.runId)
    const find = (type: string) => events.find((event) => event.type === type)?.payload
    expect(find('step:start')).toMatchObject({ stepId: 'thumbnails', task: 'thumbnails' })
    expect(find('step:progress')).toMatchObject({ fraction: 0.5, message: 'half' })
    expect(find('log:info')).toMatchObject({ message: 'scaling', data: { size: 2 } })
  })

  it('is executed again after a crash, under the same idempotency key', async () => {
    const storage = faultInjecting(memoryStorage(), { faults: [], isDurable: true })
    const keys: string[] = []
    const hang = localExecutor({
      thumbnails: (_input: unknown, { idempotencyKey }) => {
        keys.push(idempotencyKey)
        return new Promise(() => {})
      },
    })
    const first = openRuntime<Shop>({ executors: { threads: hang }, storage })
    await first.runtime.register(resize)
    await first.runtime.submit('photo:added', { file: 'a', sizes: [] })
    await expect.poll(() => keys.length).toBe(1)
    await first.runtime.stop()
    const second = openRuntime<Shop>({
      executors: {
        threads: localExecutor({
          thumbnails: (_input: unknown, { idempotencyKey, attempt }) => {
            keys.push(idempotencyKey)
            return { attempt }
          },
        }),
      },
      storage,
    })
    const completed = second.bus.waitFor('run:completed')
    await second.runtime.register(resize)
    await completed
    expect(keys).toEqual([keys[0], keys[0]])
  })
})

describe('WorkflowRuntime.register() of a workflow with tasks', () => {
  const register = async (step: object, executors: Record<string, StepExecutor>) => {
    const bus = createEventBus()
    const runtime = new WorkflowRuntime({ bus, executors, logger: quietLogger })
    const stages = [{ id: 'a', steps: { s: step as never } }]
    return runtime.register({
      id: 'w',
      triggers: { t: { event: 'e' } },
      pipelines: { p: { id: 'p', stages } },
    })
  }
  const issues = async (step: object, executors: Record<string, StepExecutor> = {}) => {
    const error: unknown = await register(step, executors).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(SystemError)
    return (error as SystemError).context['issues']
  }
  const path = 'pipelines.p.stages.0.steps.s'

  it('refuses a step that has neither an action nor a task, or both', async () => {
    const message = 'must have either an action or a task'
    expect(await issues({})).toEqual([{ path, message }])
    expect(await issues({ action: () => {}, task: 'x' })).toEqual([{ path, message }])
  })

  it('refuses options of tasks on a step with an action', async () => {
    expect(await issues({ action: () => {}, input: () => 1 })).toEqual([
      { path: `${path}.input`, message: 'belongs to a step with a task' },
    ])
  })

  it('names the executors there are when a step names none of them', async () => {
    const threads = localExecutor({})
    expect(await issues({ task: 'x', executor: 'cloud' }, { threads })).toEqual([
      {
        path: `${path}.executor`,
        message: 'names none of the runtime\'s executors: "cloud"; there are threads',
      },
    ])
    expect(await issues({ task: 'x' })).toEqual([
      { path: `${path}.executor`, message: "must name one of the runtime's executors: there are none" },
    ])
    expect(await issues({ task: 'x' }, { one: threads, two: threads })).toMatchObject([
      { path: `${path}.executor` },
    ])
  })

  it('takes the one called default where there are several', async () => {
    const threads = localExecutor({})
    await expect(register({ task: 'x' }, { default: threads, two: threads })).resolves.toBeUndefined()
  })
})
