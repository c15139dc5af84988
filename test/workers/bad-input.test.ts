import { type SystemError, isSystemError } from 'busline'
import { simulatedClock } from 'busline/testing'
import {
  type ExecutionProfile,
  type RunnerOptions,
  WorkerManager,
  type WorkerManagerOptions,
  defineRunner,
  inProcessHost,
} from 'busline/workers'
import { nodeHost, serveWorker } from 'busline/workers/node'
import { afterEach, describe, expect, it } from 'vitest'
import { requireHandshake, serveHandshake } from '../../src/workers/worker/serve-worker.js'
import { silent } from './hosts/host-kit.js'

const closers: (() => unknown)[] = []

afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

const runners = { count: defineRunner({ execute() {} }), other: defineRunner({ execute() {} }) }

async function setUp(options: Partial<WorkerManagerOptions> = {}) {
  const clock = simulatedClock()
  const manager = new WorkerManager({
    host: inProcessHost({ clock, runners }),
    clock,
    logger: silent,
    ...options,
  })
  closers.push(() => manager.close())
  return { clock, manager, worker: await manager.addWorker() }
}

async function refusalOf(call: () => unknown): Promise<SystemError> {
  try {
    await call()
  } catch (error) {
    if (isSystemError(error)) return error
    throw error
  }
  throw new Error('It was not refused')
}

describe('a profile', () => {
  const wrong: readonly (readonly [string, unknown, string])[] = [
    ['a negative number', { iterations: -1 }, '"executionProfile.iterations" must be a whole number from 0'],
    [
      'a number that is not whole',
      { iterations: 1.5 },
      '"executionProfile.iterations" must be a whole number from 0',
    ],
    ['NaN', { iterations: NaN }, '"executionProfile.iterations" must be a whole number from 0'],
    ['text for a number', { iterations: '3' }, '"executionProfile.iterations" must be a whole number from 0'],
    ['a negative delay', { delayBetweenIterations: -5 }, '"executionProfile.delayBetweenIterations" must be'],
    [
      'a fraction of a delay',
      { delayBetweenIterations: 0.5 },
      '"executionProfile.delayBetweenIterations" must be a whole number',
    ],
    ['an unknown duration', { gracePeriod: '3 hours' }, '"executionProfile.gracePeriod" must be'],
    [
      'an unknown executor',
      { executor: 'fast' },
      '"executionProfile.executor" must be one of iterations, sharedIterations',
    ],
    [
      'two models in one',
      { executor: 'constantVus', vus: 2, duration: '1s', rate: 5 },
      '"executionProfile.rate" belongs to constantArrivalRate, not to constantVus: allowed with it are',
    ],
    [
      'a field of another model',
      { rate: 5 },
      '"executionProfile.rate" belongs to constantArrivalRate, not to iterations',
    ],
    [
      'a rate of 0',
      { executor: 'constantArrivalRate', rate: 0, duration: '1s' },
      '"executionProfile.rate" must be a number above 0',
    ],
    [
      'a model without what it needs',
      { executor: 'constantVus', vus: 1 },
      '"executionProfile.duration" is needed by the executor constantVus',
    ],
    [
      'a duration of nothing',
      { executor: 'constantVus', duration: 0 },
      '"executionProfile.duration" must be longer than 0',
    ],
    [
      'a ramp without stages',
      { executor: 'rampingVus', stages: [] },
      '"executionProfile.stages" must be a list of at least one stage',
    ],
    [
      'a wrong stage',
      { executor: 'rampingVus', stages: [{ duration: '1s', target: -2 }] },
      '"executionProfile.stages.0.target" must be a whole number from 0',
    ],
    [
      'an unknown field of a stage',
      { executor: 'rampingVus', stages: [{ duration: '1s', target: 2, rate: 1 }] },
      '"executionProfile.stages.0.rate" is not known: allowed are duration, target, name',
    ],
    [
      'an unknown field',
      { iteration: 3 },
      '"executionProfile.iteration" is not known: allowed with the executor iterations are executor, iterations',
    ],
    ['a list', [], '"executionProfile" must be a plain object'],
  ]

  it.each(wrong)(
    'with %s is refused, naming the field and what is allowed',
    async (_, executionProfile, message) => {
      const { manager, worker } = await setUp()
      const options = { testType: 'count', executionProfile: executionProfile as ExecutionProfile }
      const error = await refusalOf(() => worker.addRunner(options))
      expect(error).toMatchObject({ code: 'VALIDATION' })
      expect(error.message).toContain(message)
      expect((error.context['issues'] as unknown[]).length).toBeGreaterThan(0)
      expect((await manager.getWorkersCore())[0]!.runners).toEqual([])
      expect(await manager.getArchiveList({})).toEqual([])
    },
  )

  it.each([
    {},
    { iterations: 0 },
    { iterations: 3, delayBetweenIterations: '250ms' },
    { executor: 'rampingVus', stages: [{ duration: 0, target: 1 }] },
  ] as ExecutionProfile[])('such as %j is taken', async (executionProfile) => {
    const { worker } = await setUp()
    expect((await worker.addRunner({ testType: 'count', executionProfile })).state).toBe('initializing')
  })
})

describe('options of a runner', () => {
  it.each([
    [{ testType: '' }, '"testType" must be the name of a runner'],
    [
      { testType: 'count', speed: 3 },
      '"speed" is not known: allowed are testType, executionProfile, options, tags',
    ],
    [{ testType: 'count', tags: 'a' }, '"tags" must be a list of texts'],
    [{ testType: 'count', options: [] }, '"options" must be a plain object'],
    [{ testType: 'count', options: { deep: { fn: () => 1 } } }, '"options.deep.fn"'],
    [null, 'it must be a plain object'],
  ])('%j are refused', async (options, message) => {
    const { worker } = await setUp()
    const error = await refusalOf(() => worker.addRunner(options as unknown as RunnerOptions))
    expect(error.code).toBe('VALIDATION')
    expect(error.message).toContain(message)
  })

  it('with an unknown testType are refused with those that there are', async () => {
    const { worker } = await setUp()
    const error = await refusalOf(() => worker.addRunner({ testType: 'search' }))
    expect(error).toMatchObject({
      code: 'NOT_FOUND',
      context: { reason: 'UNKNOWN_RUNNER_TYPE', allowed: ['count', 'other'] },
    })
    expect(error.message).toBe('Cannot add a runner of testType "search": allowed are count, other')
  })
})

describe('an update', () => {
  it.each([
    [{ executionProfile: { iterations: -1 } }, '"executionProfile.iterations" must be a whole number from 0'],
    [{ executionProfile: { rate: 3 } }, '"executionProfile.rate" belongs to constantArrivalRate'],
    [
      { executionProfile: { executor: 'constantVus', vus: 2, duration: '1m', iterations: undefined } },
      '"executionProfile.',
    ],
    [{ testType: 'other' }, '"testType" is not known: allowed are executionProfile, options, tags'],
    [{ speed: 1 }, '"speed" is not known'],
    [{ executionProfile: 5 }, '"executionProfile" must be a plain object'],
  ])('of %j is refused, and the old options stay', async (update, message) => {
    const { worker } = await setUp()
    const runner = await worker.addRunner({
      testType: 'count',
      executionProfile: { iterations: 5, delayBetweenIterations: 250 },
    })
    await runner.start()
    const before = [runner.options, runner.optionsRevision, runner.history.length]
    const error = await refusalOf(() => runner.update(update as never))
    expect(error.code).toBe('VALIDATION')
    expect(error.message).toContain(message)
    expect([runner.options, runner.optionsRevision, runner.history.length]).toEqual(before)
  })

  it('is merged deeply and bumps the revision', async () => {
    const { worker } = await setUp()
    const runner = await worker.addRunner({
      testType: 'count',
      executionProfile: { iterations: 40, delayBetweenIterations: 250 },
      options: { url: 'a', headers: { x: 1 } },
    })
    await runner.update({ executionProfile: { iterations: 30 }, options: { headers: { y: 2 } } })
    expect(runner.options).toEqual({
      testType: 'count',
      executionProfile: { iterations: 30, delayBetweenIterations: 250 },
      options: { url: 'a', headers: { x: 1, y: 2 } },
    })
    expect(runner.optionsRevision).toBe(2)
  })
})

describe('unknown ids', () => {
  it('are answered with NOT_FOUND, each in its place, beside those that are known', async () => {
    const { manager, worker } = await setUp()
    const runner = await worker.addRunner({
      testType: 'count',
      executionProfile: { delayBetweenIterations: '1h' },
    })
    const replies = await manager.startRunners(worker.id, ['nobody', runner.id, 'none'])
    expect(
      replies.map(({ runnerId, ok, error }) => [runnerId, ok, error?.code, error?.context['reason']]),
    ).toEqual([
      ['nobody', false, 'NOT_FOUND', 'UNKNOWN_RUNNER'],
      [runner.id, true, undefined, undefined],
      ['none', false, 'NOT_FOUND', 'UNKNOWN_RUNNER'],
    ])
    expect(await manager.startWorkers(['nowhere'])).toMatchObject([
      { workerId: 'nowhere', ok: false, error: { code: 'NOT_FOUND', context: { reason: 'UNKNOWN_WORKER' } } },
    ])
    await expect(manager.addRunner({ testType: 'count' }, 'nowhere')).rejects.toMatchObject({
      code: 'NOT_FOUND',
    })
    await expect(manager.drainWorker('nowhere')).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })

  it('do not exist on a worker without runners: the answer is empty', async () => {
    const { manager, worker } = await setUp()
    expect(await manager.startWorkers()).toEqual([])
    expect(await worker.pause()).toEqual([])
  })
})

describe('a worker', () => {
  it('whose script does not load is refused with the reason, and leaves nothing', async () => {
    const manager = new WorkerManager({
      host: nodeHost(new URL('./no-such-script.mjs', import.meta.url)),
      logger: silent,
    })
    closers.push(() => manager.close())
    const error = await refusalOf(() => manager.addWorker())
    expect(error).toMatchObject({ code: 'UNAVAILABLE', context: { reason: 'WORKER_START_FAILED' } })
    expect(error.message).toContain('no-such-script.mjs')
    expect(manager.registry.getWorkersMap().size).toBe(0)
  })

  it('that is mocked needs a host for that', async () => {
    const { manager } = await setUp()
    expect((await refusalOf(() => manager.addWorker({ mocked: true }))).message).toContain(
      '"mocked" needs the option mockedHost',
    )
    const clock = simulatedClock()
    const both = new WorkerManager({
      host: nodeHost(new URL('./no-such-script.mjs', import.meta.url)),
      mockedHost: inProcessHost({ clock, runners }),
      clock,
    })
    closers.push(() => both.close())
    expect((await both.addWorker({ mocked: true })).core?.runnerTypes).toEqual(['count', 'other'])
  })

  it('refuses a first message that is not the handshake, naming the command', () => {
    const settings = { workerId: 'w' }
    const first = (data: unknown) => () => requireHandshake(data)
    expect(first({ v: 1, id: 0, command: 'getRunners', payload: {} })).toThrow(
      'The first message to a worker must be its handshake: "command" must be messagePort: it is getRunners',
    )
    expect(first('hello')).toThrow('"v" must be 1, "id" a number and "command" a text')
    expect(first({ v: 2, id: 0, command: 'messagePort', payload: {} })).toThrow('"v" must be 1')
    expect(first({ v: 1, id: 0, command: 'messagePort', payload: { settings } })).toThrow(
      '"payload.port" must be a message port',
    )
    expect(first({ v: 1, id: 0, command: 'messagePort', payload: { port: {} } })).toThrow(
      '"payload.settings.workerId" must be a text',
    )
    expect(first({ v: 1, id: 0, command: 'messagePort', payload: { port: {}, settings } })).not.toThrow()
  })

  it('answers a command that it does not know, and reports what is no message', async () => {
    const sent: { readonly id: number }[] = []
    let listener: (data: unknown) => void = () => {}
    const port = {
      post: (message: unknown) => void sent.push(message as (typeof sent)[number]),
      onMessage: (it: typeof listener) => (listener = it),
      close() {},
    }
    const settings = {
      workerId: 'w',
      telemetryItems: 50,
      telemetryDelayMs: 1000,
      logLevel: 'warn',
      hookTimeoutMs: 1,
      terminateTimeoutMs: 1,
    }
    serveHandshake(
      {
        onFirstMessage: (first) =>
          first({ v: 1, id: 0, command: 'messagePort', payload: { port, settings } }),
        toPort: () => port,
      },
      { runners },
    )
    listener({ v: 1, id: 7, command: 'jump', payload: {} })
    listener('nonsense')
    await Promise.resolve()
    await Promise.resolve()
    expect(sent.sort((a, b) => a.id - b.id)).toMatchObject([
      { command: 'ready', payload: { runners: ['count', 'other'], tasks: [] } },
      { command: 'fault', payload: { error: { code: 'VALIDATION' } } },
      { id: 7, ok: false, error: { code: 'INVALID_COMMAND', context: { reason: 'UNKNOWN_COMMAND' } } },
    ])
  })
})

describe('what is defined wrongly', () => {
  it.each([
    [{}, '"execute" must be a function'],
    [{ execute: 1 }, '"execute" must be a function'],
    [{ execute() {}, stop: 'now' }, '"stop" must be a function, or be left out'],
    [undefined, '"execute" must be a function'],
    [class {}, '"execute" must be a function'],
  ])('is refused by defineRunner()', (runner, message) => {
    expect(() => defineRunner(runner as never)).toThrow(message)
  })

  it('is refused by serveWorker() and inProcessHost()', () => {
    expect(() => serveWorker({})).toThrow('Cannot serve here: call serveWorker() in a worker thread')
    expect(() => inProcessHost({ runners: { a: { execute() {} } as never } })).toThrow(
      '"runners.a" must be made with defineRunner()',
    )
    expect(() => inProcessHost({ tasks: { a: 1 as never } })).toThrow('"tasks.a" must be a function')
  })

  it('is refused by WorkerManager, with every option that is wrong', async () => {
    const options = {
      host: {},
      messageTimeout: -1,
      maxArchiveListLength: 1.5,
      placement: 'random',
      minWorkers: 3,
      maxWorkers: 2,
      restart: { policy: 'sometimes', factor: 0 },
      heartbeat: { misses: 0 },
      logLevel: 'loud',
      clock: 5,
    }
    const error = await refusalOf(() => new WorkerManager(options as never))
    const paths = (error.context['issues'] as { path: string }[]).map(({ path }) => path)
    expect(paths.sort()).toEqual([
      'clock',
      'heartbeat.misses',
      'host',
      'logLevel',
      'maxArchiveListLength',
      'maxWorkers',
      'messageTimeout',
      'placement',
      'restart.factor',
      'restart.policy',
    ])
    expect((await refusalOf(() => new WorkerManager(undefined as never))).code).toBe('VALIDATION')
  })

  it('as a filter of the archive is refused', async () => {
    const { manager } = await setUp()
    await expect(manager.getArchiveList({ status: 'error' } as never)).rejects.toMatchObject({
      code: 'VALIDATION',
    })
    await expect(manager.getArchiveList({ state: 'gone' as never, limit: 0 })).rejects.toThrow(
      '"state" must be one of',
    )
  })
})
