import { describe, expect, it } from 'vitest'
import {
  type AnyPipeline,
  type RegistrationOptions,
  type StepContext,
  type StorageDriver,
  type StorageOperation,
  SystemError,
  WorkflowRuntime,
  type WorkflowRuntimeOptions,
  createEventBus,
  memoryStorage,
  pause,
} from 'busline'
import { sequentialIds, simulatedClock } from '../../../src/testing/index.js'
import { quietLogger } from '../open-runtime.js'

const sleeping: AnyPipeline['stages'] = [
  { id: 'wait', router: () => pause({ timeout: '1d' }) },
  { id: 'next' },
]

/** A store whose commits of some kind can be held up, and that lists all it was asked for. */
function heldStorage(store = memoryStorage()) {
  const asked: (readonly StorageOperation[])[] = []
  let isBroken = false
  let held: { readonly what: string; readonly letGo: Promise<void> } | undefined
  const driver: StorageDriver = {
    ...store,
    commit: async (operations) => {
      asked.push(operations)
      const keys = operations.map((each) => (each.type === 'deletePrefix' ? each.prefix : each.key))
      if (held && keys.some((key) => key.startsWith(held!.what))) await held.letGo
      if (isBroken) throw new SystemError('STORAGE', 'It is broken')
      await store.commit(operations)
    },
  }
  const hold = (what: string) => {
    let open!: () => void
    held = { what, letGo: new Promise<void>((resolve) => (open = resolve)) }
    return () => {
      held = undefined
      open()
    }
  }
  const fail = () => {
    isBroken = true
    return () => void (isBroken = false)
  }
  return { store, driver, asked, hold, fail }
}

async function openMachine(
  stages: AnyPipeline['stages'],
  hooks: RegistrationOptions = {},
  options: Partial<WorkflowRuntimeOptions> = {},
) {
  const clock = simulatedClock()
  const ids = sequentialIds()
  const held = heldStorage()
  const open = async () => {
    const bus = createEventBus({ clock, ids, onError: () => {} })
    const runtime = new WorkflowRuntime({
      bus,
      clock,
      ids,
      storage: held.driver,
      logger: quietLogger,
      ...options,
    })
    await runtime.register(
      { id: 'w', triggers: { go: { event: 'go' } }, pipelines: { main: { id: 'main', stages } } },
      hooks,
    )
    return { bus, runtime }
  }
  return { clock, ...held, open, ...(await open()) }
}

/** Whether stop() has resolved, and how much the store was asked for by then. */
function stopping(runtime: WorkflowRuntime, asked: readonly unknown[]) {
  const seen = { hasStopped: false, commits: -1 }
  const stopped = runtime.stop().then(() => {
    seen.hasStopped = true
    seen.commits = asked.length
  })
  return { seen, stopped }
}

describe('stop() of a runtime with a storage', () => {
  const calls: Record<string, [string, (runtime: WorkflowRuntime, runId: string) => Promise<unknown>]> = {
    fork: ['run/', (runtime, runId) => runtime.fork(runId, { stageId: 'next' })],
    exportRun: ['exported/', (runtime, runId) => runtime.exportRun(runId)],
    signal: ['run/', (runtime, runId) => runtime.signal(runId, { seen: true })],
  }
  it.each(Object.keys(calls))('waits for what %s() is storing', async (name) => {
    const { clock, runtime, asked, hold } = await openMachine(sleeping)
    const { runId } = (await runtime.invoke('w', 'go', {})).metadata
    if (name === 'fork') {
      await runtime.resume(runId)
      // The first one loads its code, for which no simulated clock waits.
      await runtime.fork(runId, { stageId: 'next' })
    }
    const letGo = hold(calls[name]![0])
    const answered = calls[name]![1](runtime, runId)
    await clock.settle()
    const { seen, stopped } = stopping(runtime, asked)
    await clock.settle()
    expect(seen.hasStopped).toBe(false)
    letGo()
    await clock.advance('1m')
    await stopped
    expect(asked).toHaveLength(seen.commits)
    expect(await answered).toBeDefined()
    expect(clock.pendingTimers).toBe(0)
  })

  it('lets a prune under way come to its next page, and says that it was cut short', async () => {
    const { clock, runtime, asked, hold, store } = await openMachine([{ id: 'one' }])
    for (let run = 0; run < 250; run++) await runtime.invoke('w', 'go', {})
    await clock.advance('1m')
    const letGo = hold('history-totals')
    const pruned = runtime.prune({ maxRuns: 0 })
    await clock.settle()
    const { seen, stopped } = stopping(runtime, asked)
    await clock.settle()
    expect(seen.hasStopped).toBe(false)
    letGo()
    await stopped
    await clock.advance('1m')
    expect(asked).toHaveLength(seen.commits)
    expect(await pruned).toMatchObject({ ok: false, error: { code: 'UNAVAILABLE' } })
    expect(await store.scan({ prefix: 'history/' })).toHaveLength(150)
  })

  it('does not wait for a prune whose store has stopped answering', async () => {
    const { clock, runtime, asked, hold } = await openMachine([{ id: 'one' }])
    await runtime.invoke('w', 'go', {})
    hold('history-totals')
    void runtime.prune({ maxRuns: 0 })
    await clock.settle()
    const { seen } = stopping(runtime, asked)
    await clock.advance('5s')
    expect(seen.hasStopped).toBe(true)
  })

  it('does not wait for a store that stops answering while onCleanup is at work', async () => {
    const { clock, runtime, asked, hold } = await openMachine([{ id: 'one' }], {
      onCleanup: () => new Promise<void>((resolve) => void clock.setTimeout(resolve, 2000)),
    })
    await runtime.invoke('w', 'go', {})
    const { seen } = stopping(runtime, asked)
    hold('unsettled/')
    await clock.advance('10s')
    expect(seen.hasStopped).toBe(true)
  })

  it('does not wait for a store that stops answering while a recovered end is told', async () => {
    let calls = 0
    const { clock, runtime, store, hold, open } = await openMachine([{ id: 'one' }], {
      onCleanup: () => {
        calls++
        return new Promise<void>((resolve) => void clock.setTimeout(resolve, 2000))
      },
    })
    await runtime.invoke('w', 'go', {})
    // As a process leaves it that died in the midst of its hook.
    const [left] = await store.scan({ prefix: 'unsettled/' })
    const stopped = runtime.stop()
    await clock.advance('2s')
    await stopped
    await store.commit([{ type: 'put', key: left!.key, value: left!.value }])
    const next = await open()
    await clock.advance('1s')
    expect(calls).toBe(2)
    const { seen } = stopping(next.runtime, [])
    hold('unsettled/')
    await clock.advance('10s')
    expect(seen.hasStopped).toBe(true)
  })

  it('opens no storage any more that is only being loaded', async () => {
    for (let instant = 0; instant < 100; instant++) {
      const clock = simulatedClock()
      const storage = memoryStorage()
      const bus = createEventBus({ clock })
      const runtime = new WorkflowRuntime({ bus, clock, storage, retention: { maxRuns: 1 } })
      const answers = [runtime.prune({ maxRuns: 0 }), runtime.checkMigrations()]
      for (let turn = 0; turn < instant; turn++) await Promise.resolve()
      await runtime.stop()
      await Promise.all(answers)
      expect({ instant, timers: clock.pendingTimers }).toEqual({ instant, timers: 0 })
    }
  })

  it('waits for a recovery under way', async () => {
    const { clock, runtime, asked, hold, store } = await openMachine(sleeping)
    await store.commit([{ type: 'put', key: 'owner/gone', value: { until: 1 } }])
    const letGo = hold('owner/gone')
    const recovered = runtime.recover()
    await clock.settle()
    const { seen, stopped } = stopping(runtime, asked)
    await clock.settle()
    expect(seen.hasStopped).toBe(false)
    letGo()
    await stopped
    await recovered
    await clock.advance('1m')
    expect(asked).toHaveLength(seen.commits)
  })

  it('keeps an event that was about to be prepared while the store failed', async () => {
    const { clock, runtime, bus, store, asked, fail } = await openMachine([{ id: 'one' }], {
      debounce: { wait: '1s' },
      onPrepare: () => {},
    })
    bus.publish('go', {})
    await clock.settle()
    const heal = fail()
    await clock.advance('1s')
    const { seen, stopped } = stopping(runtime, asked)
    heal()
    await clock.advance('1m')
    await stopped
    expect(seen.commits).toBe(asked.length)
    expect(await store.scan({ prefix: 'ended/' })).toEqual([])
    expect(await store.scan({ prefix: 'ticket/' })).toHaveLength(1)
  })

  it('says UNAVAILABLE to whoever exports a run', async () => {
    const { runtime, bus } = await openMachine([
      { id: 'say', steps: { a: (context: StepContext) => context.publish('said', {}) } },
      { id: 'wait', router: () => pause({ timeout: '1d' }) },
    ])
    const paused = new Promise<{ runId: string }>((resolve) => {
      bus.subscribe('run:paused', ({ payload }) => resolve(payload as never))
    })
    bus.publish('go', {})
    const exported = runtime.exportRun((await paused).runId)
    await runtime.stop()
    expect(await exported).toMatchObject({ ok: false, error: { code: 'UNAVAILABLE' } })
  })
})

describe('a signal to a run that was told to end', () => {
  it('is answered when the end is kept, which holds it', async () => {
    const { clock, runtime, store, hold } = await openMachine(sleeping, {
      onResume: () => new Promise<void>((resolve) => void clock.setTimeout(resolve, 1000)),
    })
    const { runId } = (await runtime.invoke('w', 'go', {})).metadata
    void runtime.resume(runId)
    await clock.advance(500)
    void runtime.abort(runId)
    const letGo = hold('ended/')
    let isAnswered = false
    const signalled = runtime.signal(runId, { seen: true }).finally(() => (isAnswered = true))
    await clock.advance(1000)
    expect(isAnswered).toBe(false)
    letGo()
    expect(await signalled).toMatchObject({ ok: true })
    expect(await store.get(`ended/w/${runId}`)).toMatchObject({ status: 'aborted', state: { seen: true } })
    await runtime.stop()
  })
})

describe('register() of a workflow that was deregistered while what was left of it was read', () => {
  it('is not undone when that fails', async () => {
    const { clock, runtime, asked, driver } = await openMachine(sleeping)
    await runtime.deregister('w')
    const workflow = {
      id: 'w',
      triggers: { go: { event: 'go' } },
      pipelines: { main: { id: 'main', stages: sleeping } },
    }
    let refuse: (() => void) | undefined
    const scan = driver.scan.bind(driver)
    driver.scan = (options) => {
      driver.scan = scan
      const broken = new SystemError('STORAGE', 'It is broken')
      return options.prefix === 'claim/w/'
        ? new Promise((_resolve, reject) => (refuse = () => reject(broken)))
        : scan(options)
    }
    const first = runtime.register(workflow)
    await clock.settle()
    const left = runtime.deregister('w')
    const second = runtime.register(workflow)
    await clock.settle()
    refuse!()
    await expect(first).rejects.toMatchObject({ code: 'STORAGE' })
    await Promise.all([left, second])
    expect(runtime.hasWorkflow('w')).toBe(true)
    const { stopped, seen } = stopping(runtime, asked)
    await stopped
    expect(asked).toHaveLength(seen.commits)
  })
})

describe.each([
  ['with a storage', {}],
  ['without one', { storage: undefined as never }],
])('stop() of a runtime %s', (_name, options) => {
  it('waits for onCleanup', async () => {
    let cleaned = 0
    const clean = () =>
      new Promise<void>((resolve) => void clock.setTimeout(() => resolve(void cleaned++), 2000))
    const { clock, runtime, asked, store, open } = await openMachine(
      [{ id: 'one' }],
      { onCleanup: () => clean() },
      options,
    )
    await runtime.invoke('w', 'go', {})
    const { seen, stopped } = stopping(runtime, asked)
    await clock.advance(1999)
    expect(seen.hasStopped).toBe(false)
    await clock.advance(1)
    await stopped
    expect(cleaned).toBe(1)
    expect(asked).toHaveLength(seen.commits)
    expect(clock.pendingTimers).toBe(0)
    expect(await store.scan({ prefix: 'unsettled/' })).toEqual([])
    const next = await open()
    await clock.settle()
    await next.runtime.stop()
    expect(cleaned).toBe(1)
  })

  it('waits no longer for it than for any hook', async () => {
    const { clock, runtime, asked } = await openMachine(
      [{ id: 'one' }],
      { onCleanup: () => new Promise<void>(() => {}) },
      { ...options, hookTimeout: '1s' },
    )
    await runtime.invoke('w', 'go', {})
    const { seen } = stopping(runtime, asked)
    await clock.advance('1s')
    expect(seen.hasStopped).toBe(true)
  })

  it('does not wait for the onCleanup that calls it and waits for it', async () => {
    let calls = 0
    const { clock, runtime, store, open } = await openMachine(
      [{ id: 'one' }],
      {
        onCleanup: async () => {
          calls++
          await runtime.stop()
        },
      },
      options,
    )
    await runtime.invoke('w', 'go', {})
    await clock.settle()
    await runtime.stop()
    expect(clock.now()).toBe(simulatedClock().now())
    expect(clock.pendingTimers).toBe(0)
    expect(await store.scan({ prefix: 'unsettled/' })).toEqual([])
    const next = await open()
    await clock.settle()
    expect(calls).toBe(1)
    await next.runtime.stop()
  })
})
