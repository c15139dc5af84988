import { memoryStorage, systemClock } from 'busline'
import { simulatedClock } from 'busline/testing'
import {
  type RunnerOptions,
  WorkerManager,
  type WorkerManagerOptions,
  defineRunner,
  inProcessHost,
} from 'busline/workers'
import { afterEach, describe, expect, it } from 'vitest'
import { HostSupervisor } from '../../../src/workers/manager/host-supervisor.js'
import { createPlacement } from '../../../src/workers/manager/placement.js'
import { IDLING, silent } from '../hosts/host-kit.js'
import { scriptedHosts } from './scripted-host.js'

const closers: (() => unknown)[] = []

afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

const runners = {
  count: defineRunner({
    execute(ctx) {
      ctx.telemetry.requestCount++
    },
  }),
}

function setUp(options: Partial<WorkerManagerOptions> = {}) {
  const clock = simulatedClock()
  const manager = new WorkerManager({
    host: inProcessHost({ clock, runners }),
    clock,
    logger: silent,
    ...options,
  })
  closers.push(() => manager.close())
  return { clock, manager }
}

const BRIEF: RunnerOptions = { testType: 'count', executionProfile: { iterations: 1 } }

describe('an execution profile', () => {
  it('takes 40 iterations, 250 ms apart, and updates while it runs', async () => {
    const { clock, manager } = setUp()
    const runner = await manager.addRunner({
      testType: 'count',
      executionProfile: { iterations: 40, delayBetweenIterations: 250 },
    })
    await runner.start()
    await clock.advance('5s')
    await runner.update({ executionProfile: { iterations: 30 } })
    expect(runner.options.executionProfile).toEqual({ iterations: 30, delayBetweenIterations: 250 })
    await clock.advance(2249)
    expect(runner.state).toBe('running')
    await clock.advance(1)
    expect(runner.state).toBe('completed')
    expect(runner.telemetry).toMatchObject({ iterationCount: 30, duration: 7250 })
  })

  it('with a longer delay replaces the one under way', async () => {
    const { clock, manager } = setUp()
    const runner = await manager.addRunner({
      testType: 'count',
      executionProfile: { iterations: 2, delayBetweenIterations: '10s' },
    })
    await runner.start()
    await clock.advance('1s')
    await runner.update({ executionProfile: { delayBetweenIterations: '20s' } })
    await clock.advance('18s')
    expect(runner.state).toBe('running')
    await runner.update({ executionProfile: { delayBetweenIterations: '5s' } })
    await clock.settle()
    expect(runner.state).toBe('completed')
  })

  it('does not run on while it is paused, nor count that time', async () => {
    const { clock, manager } = setUp()
    const runner = await manager.addRunner({
      testType: 'count',
      executionProfile: { iterations: 5, delayBetweenIterations: 1000 },
    })
    await runner.start()
    await clock.advance(1500)
    await runner.pause()
    await clock.advance('1h')
    expect(await runner.execute()).toBe('paused')
    await runner.resume()
    await clock.advance('1m')
    expect(runner.state).toBe('completed')
    expect(runner.telemetry!.iterationCount).toBe(5)
    expect(runner.telemetry!.duration).toBeLessThan(5000)
  })

  it('completes through a last iteration that is run by hand', async () => {
    const { manager } = setUp()
    const runner = await manager.addRunner({
      testType: 'count',
      executionProfile: { iterations: 2, delayBetweenIterations: '1h' },
    })
    await runner.start()
    await runner.pause()
    expect(await runner.execute()).toBe('completed')
    expect(runner.history.at(-1)).toMatchObject({ from: 'paused', to: 'completed', reason: 'exhausted' })
  })
})

describe('commands', () => {
  it('go to all runners of all workers when no list is given, and answer in order', async () => {
    const { manager } = setUp()
    const workers = [await manager.addWorker(), await manager.addWorker()]
    const ids: string[] = []
    for (const worker of workers) {
      for (let count = 0; count < 3; count++) ids.push((await worker.addRunner(IDLING)).id)
    }
    for (const [call, state] of [
      [() => manager.startWorkers(), 'running'],
      [() => manager.pauseWorkers(), 'paused'],
      [() => manager.executeWorkers(), 'paused'],
      [() => manager.resetWorkers(), 'paused'],
      [() => manager.updateWorkers(undefined, { options: { a: 1 } }), 'paused'],
      [() => manager.resumeWorkers(), 'running'],
      [() => manager.stopWorkers(), 'stopped'],
    ] as const) {
      const replies = await call()
      expect(replies.map(({ runnerId }) => runnerId)).toEqual(ids)
      expect(new Set(replies.map((reply) => reply.state))).toEqual(new Set([state]))
    }
  })

  it('to some runners of a worker leave the others alone', async () => {
    const { manager } = setUp()
    const worker = await manager.addWorker()
    const all = await Promise.all([1, 2, 3].map(() => worker.addRunner(IDLING)))
    const some = [all[0]!.id, all[2]!.id]
    for (const [call, state] of [
      [() => manager.startRunners(worker.id, some), 'running'],
      [() => manager.pauseRunners(worker.id, some), 'paused'],
      [() => manager.executeRunners(worker.id, some), 'paused'],
      [() => manager.resetRunners(worker.id, some), 'paused'],
      [() => manager.updateRunners(worker.id, some, { options: { a: 1 } }), 'paused'],
      [() => manager.resumeRunners(worker.id, some), 'running'],
      [() => manager.stopRunners(worker.id, [some[0]!]), 'stopped'],
      [() => manager.terminateRunners(worker.id, [some[1]!]), 'terminated'],
    ] as const) {
      for (const reply of await call()) expect(reply).toMatchObject({ ok: true, state })
      expect(all[1]!.state).toBe('initializing')
    }
    expect(all.map(({ state }) => state)).toEqual(['stopped', 'initializing', 'terminated'])
  })

  it('that a host never answers come back after messageTimeout; a terminate ends it by force', async () => {
    const host = scriptedHosts({ answer: ({ command }) => (command === 'addRunner' ? {} : undefined) })
    const { clock, manager } = setUp({
      host,
      messageTimeout: '1s',
      heartbeat: false,
      restart: { policy: 'never' },
    })
    const worker = await manager.addWorker()
    const runner = await worker.addRunner({ testType: 'any' })
    const started = worker.start()
    await clock.advance('1s')
    expect(await started).toMatchObject([
      {
        runnerId: runner.id,
        ok: false,
        state: 'initializing',
        error: { code: 'TIMEOUT', context: { reason: 'MESSAGE_TIMEOUT', command: 'command' } },
      },
    ])
    host.opened[0]!.reply(host.opened[0]!.sent.at(-1)!.id, [])
    await clock.settle()
    expect(worker.core?.lateReplies).toBe(1)
    const terminated = worker.terminate()
    await clock.advance('1s')
    expect(await terminated).toMatchObject([{ runnerId: runner.id, ok: true, state: 'terminated' }])
    expect(host.opened[0]!.isTerminated).toBe(true)
    expect(await manager.getArchiveList({ state: 'terminated' })).toHaveLength(1)
  })

  it('beyond maxPendingMessages are refused, those that wait are not', async () => {
    const host = scriptedHosts({ answer: ({ command }) => (command === 'addRunner' ? {} : undefined) })
    const { clock, manager } = setUp({ host, maxPendingMessages: 2, heartbeat: false })
    const worker = await manager.addWorker()
    await worker.addRunner({ testType: 'any' })
    const calls = [worker.start(), worker.start(), worker.start()]
    expect(await calls[2]).toMatchObject([
      { ok: false, error: { code: 'CAPACITY', context: { reason: 'QUEUE_FULL' } } },
    ])
    await clock.advance('10s')
    for (const call of calls.slice(0, 2)) expect(await call).toMatchObject([{ error: { code: 'TIMEOUT' } }])
    host.opened[0]!.exit()
  })
})

describe('placement', () => {
  it('spreads six runners over three empty workers, two each', async () => {
    const { manager } = setUp({ maxWorkers: 3 })
    for (let count = 0; count < 3; count++) await manager.addWorker()
    const added = await Promise.all(Array.from({ length: 6 }, () => manager.addRunner(BRIEF)))
    const perWorker = [...manager.registry.getWorkersMap().keys()].map(
      (id) => added.filter(({ workerId }) => workerId === id).length,
    )
    expect(perWorker).toEqual([2, 2, 2])
  })

  it('finds the next available and the busiest worker by their live runners', async () => {
    const { manager } = setUp()
    const workers = [await manager.addWorker(), await manager.addWorker(), await manager.addWorker()]
    expect(manager.registry.getNextAvailableWorker()?.id).toBe(workers[0]!.id)
    for (const [index, count] of [2, 5, 1].entries()) {
      for (let each = 0; each < count; each++) await workers[index]!.addRunner(IDLING)
    }
    expect(manager.registry.getNextAvailableWorker()?.id).toBe(workers[2]!.id)
    expect(manager.registry.getBusiestWorker()?.id).toBe(workers[1]!.id)
    await workers[1]!.stop()
    expect(manager.registry.getNextAvailableWorker()?.id).toBe(workers[1]!.id)
    await manager.terminateWorkers()
    expect(manager.registry.getNextAvailableWorker()).toBeNull()
    expect(manager.registry.getBusiestWorker()).toBeNull()
  })

  it('adds workers up to maxWorkers, and refuses where no worker takes the runner', async () => {
    const { manager } = setUp({ maxWorkers: 2 })
    const added = await Promise.all(Array.from({ length: 5 }, () => manager.addRunner(IDLING)))
    expect(new Set(added.map(({ workerId }) => workerId)).size).toBe(2)
    await expect(manager.addWorker()).rejects.toMatchObject({ code: 'CAPACITY' })
    const full = setUp({ maxWorkers: 1, placement: () => null })
    await full.manager.addWorker()
    await expect(full.manager.addRunner(IDLING)).rejects.toMatchObject({ code: 'CAPACITY' })
  })

  it('can be a function, the least busy, or one after the other', () => {
    const candidate = (workerId: string, runners: number, utilization?: number) => ({
      workerId,
      runners,
      utilization,
      activeTasks: 0,
      tags: [],
    })
    const three = [candidate('a', 3, 0.1), candidate('b', 1, 0.9), candidate('c', 1, 0.5)]
    const room = { canGrow: false }
    expect(createPlacement('leastRunners')(three, room)).toBe('b')
    expect(createPlacement('leastBusy')(three, room)).toBe('a')
    const next = createPlacement('roundRobin')
    expect([1, 2, 3, 4].map(() => next(three, room))).toEqual(['a', 'b', 'c', 'a'])
    expect(createPlacement((all) => all.at(-1)!.workerId)(three, room)).toBe('c')
    expect(createPlacement('leastRunners')([], room)).toBeNull()
    expect(createPlacement('leastRunners')(three, { canGrow: true })).toBeNull()
    expect(createPlacement('leastRunners')([candidate('d', 0)], { canGrow: true })).toBe('d')
  })
})

describe('the pool of workers', () => {
  it('keeps minWorkers, and lets others go that were idle for idleTimeout', async () => {
    const { clock, manager } = setUp({ minWorkers: 1, maxWorkers: 3, idleTimeout: '10s' })
    await clock.settle()
    expect(manager.registry.available()).toHaveLength(1)
    const added = await Promise.all([1, 2, 3].map(() => manager.addRunner(IDLING)))
    expect(manager.registry.available()).toHaveLength(3)
    await clock.advance('1m')
    expect(manager.registry.available()).toHaveLength(3)
    for (const runner of added) await runner.stop()
    await clock.advance('9s')
    expect(manager.registry.available()).toHaveLength(3)
    await clock.advance('10s')
    expect(manager.registry.available()).toHaveLength(1)
    await manager.close()
    expect(clock.pendingTimers).toBe(0)
  })

  it('drains a worker: nothing new, and its host ends when its runners have', async () => {
    const { clock, manager } = setUp()
    const worker = await manager.addWorker()
    const runner = await worker.addRunner({
      testType: 'count',
      executionProfile: { iterations: 3, delayBetweenIterations: 100 },
    })
    await runner.start()
    const drained = worker.drain()
    await expect(worker.addRunner(BRIEF)).rejects.toMatchObject({ code: 'INVALID_COMMAND' })
    await clock.advance('1s')
    await drained
    expect((await runner.ended()).state).toBe('completed')
    expect(manager.registry.getWorkersMap().size).toBe(0)
  })
})

describe('supervision', () => {
  it('restarts lost hosts with growing delays, and gives up beyond maxRestarts in the window', async () => {
    const host = scriptedHosts({ answer: () => ({}) })
    const { clock, manager } = setUp({
      host,
      heartbeat: false,
      restart: { maxRestarts: 3, within: '1m', delay: 100, factor: 2, maxDelay: 300, minUptime: '5s' },
    })
    const told: unknown[] = []
    manager.on('workerRestart', ({ attempt }) => told.push(`restart ${attempt}`))
    manager.on('giveUp', ({ error }) => told.push(error.context['restarts']))
    await manager.addWorker({ hostName: 'fragile' })
    for (const delay of [100, 200, 300]) {
      host.opened.at(-1)!.exit({ exitCode: 1 })
      await clock.advance(delay - 1)
      const before = host.opened.length
      await clock.advance(1)
      expect(host.opened.length).toBe(before + 1)
      expect(host.opened.at(-1)!.name).toBe('fragile')
    }
    host.opened.at(-1)!.exit({ exitCode: 1 })
    await clock.advance('1h')
    expect(host.opened).toHaveLength(4)
    expect(told).toEqual(['restart 1', 'restart 2', 'restart 3', 3])
    expect(manager.registry.getWorkersMap().size).toBe(0)
  })

  it('begins anew with the delay after a good start, and forgets restarts outside the window', () => {
    const clock = simulatedClock()
    const options = {
      policy: 'onFailure',
      maxRestarts: 2,
      withinMs: 60_000,
      delayMs: 100,
      factor: 3,
      maxDelayMs: 10_000,
      minUptimeMs: 5000,
    } as const
    const supervisor = new HostSupervisor(clock, options)
    expect(supervisor.judge(10)).toEqual({ action: 'restart', attempt: 1, delayMs: 100 })
    expect(supervisor.judge(10)).toEqual({ action: 'restart', attempt: 2, delayMs: 300 })
    expect(supervisor.judge(10)).toEqual({ action: 'giveUp', restarts: 2 })
    clock.jump(clock.now() + 60_000)
    expect(supervisor.judge(6000)).toEqual({ action: 'restart', attempt: 1, delayMs: 100 })
    expect(new HostSupervisor(clock, { ...options, policy: 'never' }).judge(10)).toEqual({ action: 'leave' })
  })

  it('loses a host that gives no sign of life, and none that does', async () => {
    let isAlive = true
    const host = scriptedHosts({ answer: ({ command }) => (command !== 'ping' || isAlive ? {} : undefined) })
    const { clock, manager } = setUp({
      host,
      heartbeat: { interval: '1s', misses: 3 },
      restart: { policy: 'never' },
    })
    const worker = await manager.addWorker()
    const runner = await worker.addRunner({ testType: 'any' })
    const pending = worker.start()
    await clock.advance('1m')
    expect(runner.state).toBe('initializing')
    isAlive = false
    await clock.advance('5s')
    expect(runner.state).toBe('error')
    expect(runner.history.at(-1)).toMatchObject({
      reason: 'WORKER_LOST',
      error: { context: { reason: 'WORKER_LOST' } },
    })
    expect(host.opened[0]!.isTerminated).toBe(true)
    expect(await pending).toHaveLength(1)
  })

  it('tells a flood of errors in part, and ends a host that floods before it is ready', async () => {
    const host = scriptedHosts()
    const { clock, manager } = setUp({ host, heartbeat: false })
    const errors: unknown[] = []
    manager.on('workerError', ({ error }) => errors.push(error))
    const worker = await manager.addWorker()
    const flood = new Error('again') as never
    for (let count = 0; count < 1000; count++) host.opened[0]!.options.onError(flood)
    expect(errors).toHaveLength(20)
    expect(manager.registry.getWorker(worker.id)!.suppressedErrors).toBe(980)
    await clock.advance('2s')
    host.opened[0]!.options.onError(flood)
    expect(errors).toHaveLength(21)
    const broken = setUp({ host: scriptedHosts({ isReady: false }), restart: { policy: 'onFailure' } })
    const added = expect(broken.manager.addWorker()).rejects.toMatchObject({
      context: { reason: 'WORKER_START_FAILED' },
    })
    await broken.clock.advance('30s')
    await added
    expect(broken.clock.pendingTimers).toBe(0)
  })
})

describe('what runners say', () => {
  it('is bounded: a flood of lines is cut, and told of', async () => {
    const clock = simulatedClock()
    const chatty = defineRunner({
      execute({ logger }) {
        for (let line = 0; line < 3000; line++) logger.error(`line ${line}`)
      },
    })
    const { manager } = setUp({ clock, host: inProcessHost({ clock, runners: { chatty } }) })
    const profile = { iterations: 2, delayBetweenIterations: 1000 }
    const runner = await manager.addRunner({ testType: 'chatty', executionProfile: profile })
    const lines: string[] = []
    runner.on('log', ({ message }) => lines.push(message))
    await runner.start()
    await clock.advance('2s')
    expect(lines).toHaveLength(2001)
    expect(lines[1000]).toBe('2000 lines of this worker were dropped: log less than 1000 a second')
  })

  it('does not travel with a buffer that has moved away before', async () => {
    const codes: unknown[] = []
    const moving = defineRunner({
      async execute({ call }) {
        const bytes = new Uint8Array(8)
        await call('take', bytes, [bytes.buffer])
        await call('take', { again: [bytes] }).catch((error: { code: string; message: string }) =>
          codes.push(error.code, error.message),
        )
      },
    })
    const lengths: number[] = []
    const handlers = { take: (payload: unknown) => void lengths.push((payload as Uint8Array).byteLength) }
    const { manager } = setUp({ handlers, host: inProcessHost({ runners: { moving } }), clock: systemClock })
    const runner = await manager.addRunner({ testType: 'moving', executionProfile: { iterations: 1 } })
    await runner.start()
    await runner.ended()
    expect(lengths).toEqual([8])
    expect(codes).toEqual(['VALIDATION', expect.stringContaining('payload.again.0')])
  })
})

describe('the archive', () => {
  it('keeps each runner once, the newest maxArchiveListLength, and finds them by filter', async () => {
    const { clock, manager } = setUp({ maxArchiveListLength: 5 })
    const worker = await manager.addWorker()
    const ids: string[] = []
    for (let count = 0; count < 8; count++) {
      const runner = await worker.addRunner({ ...BRIEF, tags: [count % 2 ? 'odd' : 'even'] })
      await (count === 6 ? runner.stop() : runner.start())
      await runner.ended()
      await clock.advance(1000)
      ids.push(runner.id)
    }
    const idsOf = async (filter: Parameters<typeof manager.getArchiveList>[0]) =>
      (await manager.getArchiveList(filter)).map(({ runnerId }) => ids.indexOf(runnerId))
    expect(await idsOf({})).toEqual([3, 4, 5, 6, 7])
    expect(await idsOf({ state: 'stopped' })).toEqual([6])
    expect(await idsOf({ tag: 'odd', limit: 2 })).toEqual([5, 7])
    expect(await idsOf({ runnerId: ids[4]! })).toEqual([4])
    expect(await idsOf({ workerId: 'other' })).toEqual([])
    const [entry] = await manager.getArchiveList({ runnerId: ids[3]! })
    expect(await idsOf({ since: entry!.endedAt + 1 })).toEqual([4, 5, 6, 7])
    expect(entry).toMatchObject({
      runnerOptions: { testType: 'count' },
      state: 'completed',
      telemetrySnapshots: [{ iterationCount: 1 }],
    })
  })

  it('keeps none with a length of 0', async () => {
    const { manager } = setUp({ maxArchiveListLength: 0 })
    const runner = await manager.addRunner(BRIEF)
    await runner.start()
    expect((await runner.ended()).state).toBe('completed')
    expect(await manager.getArchiveList({})).toEqual([])
  })

  it('outlives its manager in a store that timelines may share', async () => {
    const archiveStorage = memoryStorage()
    for (let count = 0; count < 3; count++) {
      const { clock, manager } = setUp({ archiveStorage, maxArchiveListLength: 2 })
      await clock.advance(count * 1000)
      const runner = await manager.addRunner({ ...BRIEF, tags: [`${count}`] })
      await runner.start()
      await runner.ended()
      await manager.close()
      const kept = await manager.getArchiveList({})
      expect(kept.map(({ runnerOptions }) => runnerOptions.tags)).toEqual(
        [['0'], ['1'], ['2']].slice(Math.max(0, count - 1), count + 1),
      )
    }
    expect(await archiveStorage.scan({ prefix: 'runners/' })).toHaveLength(2)
  })

  it('tells of a store that fails, and goes on in memory', async () => {
    const faults: string[] = []
    const logger = { ...silent, error: (message: string) => void faults.push(message) }
    const commit = () => Promise.reject(new Error('disk full'))
    const { manager } = setUp({
      archiveStorage: { ...memoryStorage(), scan: async () => [], commit },
      logger,
    })
    const runner = await manager.addRunner(BRIEF)
    await runner.start()
    await runner.ended()
    expect(await manager.getArchiveList({})).toHaveLength(1)
    await manager.close()
    expect(faults).toEqual(['The archive of runners failed'])
  })
})
