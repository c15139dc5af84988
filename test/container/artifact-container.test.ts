import { describe, expect, test, vi } from 'vitest'
import { isSystemError, type SystemError } from '../../src/core/system-error.js'
import { ArtifactContainer, type ContainerOptions } from '../../src/container/artifact-container.js'
import type { AnyTemplate, FactoryContext } from '../../src/container/artifact-template.js'
import type { ContainerEvents } from '../../src/container/container-events.js'
import { simulatedClock } from '../../src/testing/index.js'

const silent = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() }

function open(options: ContainerOptions = {}) {
  const clock = simulatedClock()
  const logger = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() }
  const container = new ArtifactContainer({ clock, logger, ...options })
  return { clock, logger, container }
}

/** A promise with its ends. */
function deferred<Value = void>() {
  let resolve!: (value: Value) => void
  let reject!: (error: unknown) => void
  const promise = new Promise<Value>((yes, no) => ([resolve, reject] = [yes, no]))
  return { promise, resolve, reject }
}

async function faultOf(promise: Promise<unknown>): Promise<SystemError> {
  const error = await promise.then(
    () => new Error('it did not reject'),
    (fault: unknown) => fault,
  )
  if (!isSystemError(error)) throw error
  return error
}

const chain = (key: string, need: string): AnyTemplate => ({
  key,
  factory: async ({ use }) => `${key}<${await use((deps) => deps.require<string>(need))}>`,
})

describe('ArtifactContainer.register()', () => {
  test('refuses a key twice and adds none of an array that holds it', async () => {
    const { container } = open()
    container.register({ key: 'db', factory: () => 1 })
    const again = [
      { key: 'other', factory: () => 2 },
      { key: 'db', factory: () => 3 },
    ]
    expect(() => container.register(again)).toThrow(
      'Cannot register service "db" in container "global": the id is taken',
    )
    expect((await faultOf(container.require('other'))).code).toBe('NOT_FOUND')
    expect(await container.require('db')).toBe(1)
  })

  test.each(['__env__', '__pause_service__'])('refuses the reserved key %s by name', (key) => {
    const orders = open().container.scope('workflow', { name: 'orders' })
    const register = () => orders.register({ key, factory: () => 1 })
    expect(register).toThrow(`Cannot register service "${key}" in workflow "orders": the id is reserved`)
    expect(register).toThrow(expect.objectContaining({ code: 'DUPLICATE_KEY' }))
  })

  test('lists every fault of a malformed template with its path', () => {
    const { container } = open()
    const template = { key: '', factory: 1, scope: 'global', timeout: 'soon', retries: -1, maxInstances: 0 }
    try {
      container.register([{ key: 'ok', factory: () => 1 }, template as never])
      expect.unreachable()
    } catch (error) {
      expect(error).toMatchObject({ code: 'VALIDATION' })
      const { issues } = (error as SystemError).context as { issues: { path: string }[] }
      expect(issues.map(({ path }) => path)).toEqual([
        '1.key',
        '1.factory',
        '1.scope',
        '1.timeout',
        '1.retries',
        '1.maxInstances',
      ])
    }
  })

  test('refuses a cycle in listed needs and prints its path', () => {
    const { container } = open()
    const template = (key: string, ...needs: string[]) => ({ key, needs, factory: () => 1 })
    container.register([template('a', 'b'), template('b', 'c')])
    expect(() => container.register(template('c', 'x', 'a'))).toThrow('(c -> a -> b -> c)')
    expect(() => container.register(template('self', 'self'))).toThrow('(self -> self)')
    container.register(template('c', 'x'))
  })

  test('builds an eager service without being asked, after the services registered in the same turn', async () => {
    const { container, clock } = open()
    container.register({ ...chain('api', 'db'), lazy: false }).register({ key: 'db', factory: () => 'db' })
    await clock.settle()
    expect(container.peek('api')).toBe('api<db>')
  })

  test('logs an eager service that cannot be built, and builds it at the next use', async () => {
    const { container, clock, logger } = open()
    container.register({ ...chain('api', 'db'), lazy: false })
    await clock.settle()
    expect(logger.error).toHaveBeenCalledTimes(1)
    container.register({ key: 'db', factory: () => 'db' })
    expect(await container.require('api')).toBe('api<db>')
  })
})

describe('ArtifactContainer.ready()', () => {
  test('waits for the eager services and rejects with the fault of one', async () => {
    const { container } = open()
    const gate = deferred()
    container.register({ key: 'slow', lazy: false, factory: () => gate.promise.then(() => 'up') })
    let isReady = false
    const ready = container.ready().then(() => (isReady = true))
    await Promise.resolve()
    expect(isReady).toBe(false)
    gate.resolve()
    await ready
    expect(container.peek('slow')).toBe('up')
    container.register({ ...chain('bad', 'nothing'), lazy: false })
    expect((await faultOf(container.ready())).message).toContain('bad -> nothing')
  })

  test('rejects when a listed need is registered nowhere', async () => {
    const { container } = open()
    container.register({ key: 'a', needs: ['b', '__env__'], factory: () => 1 })
    expect(await faultOf(container.ready())).toMatchObject({
      code: 'NOT_FOUND',
      context: { path: ['a', 'b'] },
    })
  })
})

describe('ArtifactContainer.require()', () => {
  test('builds once for concurrent first uses, directly and through others', async () => {
    const { container } = open()
    const factory = vi.fn(async () => ({ id: Symbol() }))
    container.register([
      { key: 'db', factory },
      { key: 'one', factory: ({ use }) => use((deps) => deps.require('db')) },
      { key: 'two', factory: ({ use }) => use((deps) => deps.require('db')) },
    ])
    const values = await Promise.all(['db', 'db', 'one', 'two'].map((key) => container.require(key)))
    expect(new Set(values).size).toBe(1)
    expect(factory).toHaveBeenCalledTimes(1)
  })

  test('fails everybody who waits with the same error, and builds anew for who asks next', async () => {
    const { container } = open()
    const gate = deferred<string>()
    const factory = vi.fn<() => unknown>().mockReturnValueOnce(gate.promise).mockReturnValue('up')
    container.register([{ key: 'db', factory }, chain('api', 'db')])
    const waiting = [faultOf(container.require('db')), faultOf(container.require('api'))]
    await Promise.resolve()
    const cause = new Error('refused')
    gate.reject(cause)
    const [first, second] = await Promise.all(waiting)
    expect(first).toBe(second)
    expect(first).toMatchObject({ code: 'EXECUTION_FAILED', cause })
    expect(first?.message).toBe('Cannot build service "db": Error: refused')
    expect(await container.require('api')).toBe('api<up>')
    expect(factory).toHaveBeenCalledTimes(2)
  })

  test.each([null, 'text', 0, undefined, Object.freeze(new Error('frozen'))])(
    'describes a factory that throws %s',
    async (thrown) => {
      const { container } = open()
      container.register({
        key: 'bad',
        factory: () => {
          throw thrown
        },
      })
      const error = await faultOf(container.require('bad'))
      expect(error).toMatchObject({ code: 'EXECUTION_FAILED', cause: thrown })
    },
  )

  test('names the path of a missing service', async () => {
    const { container } = open()
    container.register([chain('a', 'b'), chain('b', 'c')])
    const error = await faultOf(container.require('a'))
    expect(error).toMatchObject({ code: 'NOT_FOUND', context: { service: 'c', path: ['a', 'b', 'c'] } })
    expect(error.message).toBe(
      'Cannot find service "c" (a -> b -> c): it is not registered in container "global"',
    )
  })

  test('names the path of a service that failed', async () => {
    const { container } = open()
    container.register([chain('a', 'b'), { key: 'b', factory: () => Promise.reject(new Error('no')) }])
    expect((await faultOf(container.require('a'))).message).toBe(
      'Cannot build service "b" (a -> b): Error: no',
    )
  })

  test('gives the same promise for what is built: asking allocates nothing', async () => {
    const { container } = open()
    container.register({ key: 'db', factory: () => 1 })
    await container.require('db')
    expect(container.require('db')).toBe(container.require('db'))
    expect(container.resolve('db')).toBe(container.resolve('db'))
  })
})

describe('ArtifactContainer.resolve()', () => {
  test('answers with the service, or with the fault, and never rejects', async () => {
    const { container } = open()
    container.register({ key: 'db', factory: () => 'up' })
    expect(await container.resolve('db')).toEqual({ ok: true, value: 'up' })
    expect(await container.resolve('no')).toMatchObject({ ok: false, error: { code: 'NOT_FOUND' } })
    expect(await container.resolve('db', { bad: () => 1 })).toMatchObject({
      ok: false,
      error: { code: 'VALIDATION' },
    })
  })

  test('lets a factory do without a service that is missing', async () => {
    const { container } = open()
    container.register({
      key: 'cache',
      factory: async ({ use }) => ((await use((deps) => deps.resolve('redis'))).ok ? 'redis' : 'memory'),
    })
    expect(await container.require('cache')).toBe('memory')
  })
})

describe('ArtifactContainer.peek()', () => {
  test('returns what is built, and builds nothing', async () => {
    const { container } = open()
    const factory = vi.fn(() => 'up')
    container.register({ key: 'db', factory })
    expect(container.peek('db')).toBeUndefined()
    expect(container.peek('unknown')).toBeUndefined()
    expect(factory).not.toHaveBeenCalled()
    await container.require('db')
    expect(container.peek('db')).toBe('up')
  })
})

describe('cycles', () => {
  test('a cycle through async factories is refused, and its path printed', async () => {
    const { container } = open()
    container.register([chain('a', 'b'), chain('b', 'a')])
    const error = await faultOf(container.require('a'))
    expect(error).toMatchObject({ code: 'VALIDATION', context: { path: ['a', 'b', 'a'] } })
    expect(error.message).toBe('Cannot build service "a": it depends on itself (a -> b -> a)')
  })

  test('a cycle that two first uses close from both ends is found, whoever closes it', async () => {
    const { container } = open()
    container.register([chain('a', 'b'), chain('b', 'c'), chain('c', 'a')])
    const faults = await Promise.all(['a', 'b', 'c'].map((key) => faultOf(container.require(key))))
    for (const fault of faults) expect(fault.message).toContain('depends on itself')
  })

  test('a service that asks for itself is a cycle, transient ones too', async () => {
    const { container } = open()
    container.register([
      chain('self', 'self'),
      { ...chain('fresh', 'fresh'), scope: 'transient' },
      { ...chain('t', 'shared'), scope: 'transient' },
      chain('shared', 't'),
    ])
    expect((await faultOf(container.require('self'))).message).toContain('(self -> self)')
    expect((await faultOf(container.require('fresh'))).message).toContain('(fresh -> fresh)')
    expect((await faultOf(container.require('t'))).message).toMatch(/depends on itself/)
    expect((await faultOf(container.require('shared'))).message).toMatch(/depends on itself/)
  })

  test('a chain of 1 000 services is built, invalidated and disposed of without exhausting the stack', async () => {
    const { container, clock } = open()
    const disposed: number[] = []
    const templates = Array.from({ length: 1_000 }, (_, index) => ({
      key: `s${index}`,
      factory: async ({ use, onCleanup }: Parameters<AnyTemplate['factory']>[0]): Promise<number> => {
        const below = index === 999 ? 0 : await use((deps) => deps.require<number>(`s${index + 1}`))
        onCleanup(() => disposed.push(index))
        return below + 1
      },
    }))
    container.register(templates)
    expect(await container.require('s0')).toBe(1_000)
    await container.invalidate('s999')
    expect(disposed).toEqual(templates.map((_, index) => index))
    expect(await container.require('s0')).toBe(1_000)
    await container.dispose()
    expect(disposed).toHaveLength(2_000)
    expect(clock.pendingTimers).toBe(0)
  })
})

describe('timeout', () => {
  test('a factory that never resolves fails with TIMEOUT, 30 s by default, and the next use tries again', async () => {
    const { container, clock } = open()
    const signals: AbortSignal[] = []
    const factory = vi.fn(({ signal }: { signal: AbortSignal }) => {
      signals.push(signal)
      return signals.length === 1 ? new Promise<string>(() => {}) : 'up'
    })
    container.register([{ key: 'db', factory }, chain('api', 'db')])
    const fault = faultOf(container.require('api'))
    await clock.advance('29999ms')
    expect(signals[0]?.aborted).toBe(false)
    await clock.advance(1)
    expect(await fault).toMatchObject({
      code: 'TIMEOUT',
      message: 'Cannot build service "db" (api -> db): its factory did not end within 30000 ms',
    })
    expect(signals[0]?.aborted).toBe(true)
    expect(await container.require('api')).toBe('api<up>')
    expect(clock.pendingTimers).toBe(0)
  })

  test('does not count the time a factory waits for other services', async () => {
    const { container, clock } = open()
    const wait = (ms: number) => new Promise<void>((resolve) => void clock.setTimeout(resolve, ms))
    container.register([
      { key: 'slow', timeout: '1h', factory: () => wait(600_000).then(() => 'slow') },
      {
        key: 'api',
        timeout: 100,
        factory: async ({ use }) => {
          await wait(60)
          const slow = await use((deps) => deps.require<string>('slow'))
          await wait(60)
          return slow
        },
      },
    ])
    const fault = faultOf(container.require('api'))
    await clock.advance('10m')
    await clock.advance(99)
    await clock.advance(1)
    expect((await fault).code).toBe('TIMEOUT')
    const again = container.require('api')
    await clock.advance(120)
    expect((await faultOf(again)).code).toBe('TIMEOUT')
  })

  test('Infinity sets no timer', async () => {
    const { container, clock } = open()
    const gate = deferred<string>()
    container.register({ key: 'db', timeout: Infinity, factory: () => gate.promise })
    const db = container.require('db')
    await clock.advance('10d')
    expect(clock.pendingTimers).toBe(0)
    gate.resolve('up')
    expect(await db).toBe('up')
  })

  test('a value that comes too late is discarded and what it registered is cleaned up', async () => {
    const { container, clock } = open()
    const gate = deferred<string>()
    const cleanup = vi.fn()
    let calls = 0
    container.register({
      key: 'db',
      timeout: 10,
      factory: async ({ onCleanup }) => {
        if (++calls > 1) return 'second'
        const value = await gate.promise
        onCleanup(cleanup)
        return value
      },
    })
    const fault = faultOf(container.require('db'))
    await clock.advance(10)
    expect((await fault).code).toBe('TIMEOUT')
    gate.resolve('late')
    await clock.settle()
    expect(cleanup).toHaveBeenCalledTimes(1)
    expect(container.peek('db')).toBeUndefined()
    expect(await container.require('db')).toBe('second')
  })
})

describe('retries', () => {
  test('calls the factory again as often as told, cleaning up between attempts', async () => {
    const { container, clock } = open()
    const log: string[] = []
    container.on('build:error', ({ willRetry }) => log.push(`error ${willRetry}`))
    container.register({
      key: 'db',
      retries: 2,
      retryDelay: '1s',
      factory: ({ attempt, onCleanup }) => {
        log.push(`attempt ${attempt}`)
        onCleanup(() => log.push(`clean ${attempt}`))
        if (attempt < 3) throw new Error('down')
        return 'up'
      },
    })
    const db = container.require('db')
    await clock.advance('2s')
    expect(await db).toBe('up')
    expect(log).toEqual([
      'attempt 1',
      'error true',
      'clean 1',
      'attempt 2',
      'error true',
      'clean 2',
      'attempt 3',
    ])
  })

  test('ends with the last error, and does not retry what cannot get better', async () => {
    const { container } = open()
    const down = vi.fn(() => Promise.reject(new Error('down')))
    const final = vi.fn(() => Promise.reject(Object.assign(new Error('final'), { retryable: false })))
    const lost = vi.fn(({ use }: { use: Parameters<AnyTemplate['factory']>[0]['use'] }) =>
      use((deps) => deps.require('nothing')),
    )
    container.register([
      { key: 'down', retries: 3, factory: down },
      { key: 'final', retries: 3, factory: final },
      { key: 'lost', retries: 3, factory: lost },
    ])
    await Promise.all(['down', 'final', 'lost'].map((key) => faultOf(container.require(key))))
    expect([down, final, lost].map(({ mock }) => mock.calls.length)).toEqual([4, 1, 1])
  })

  test('disposal ends a wait before a retry', async () => {
    const { container, clock } = open()
    container.register({
      key: 'db',
      retries: 5,
      retryDelay: '1h',
      factory: () => Promise.reject(new Error('down')),
    })
    const fault = faultOf(container.require('db'))
    await clock.settle()
    expect(clock.pendingTimers).toBe(1)
    await container.dispose()
    expect((await fault).code).toBe('ABORTED')
    expect(clock.pendingTimers).toBe(0)
  })
})

describe('params', () => {
  const users = (options: Partial<AnyTemplate> = {}) => {
    const built: unknown[] = []
    const closed: unknown[] = []
    const template = {
      key: 'user',
      ...options,
      factory: ({
        params,
        onCleanup,
      }: {
        params: { id: number }
        onCleanup: (fn: () => unknown) => void
      }) => {
        built.push(params)
        onCleanup(() => closed.push(params.id))
        return { name: `user ${params.id}` }
      },
    }
    return { template: template as AnyTemplate, built, closed }
  }

  test('one instance per value of the params, whatever the order of their fields', async () => {
    const { container } = open()
    container.register({ key: 'x', factory: ({ params }) => ({ params }) })
    const [a, b, c, none] = await Promise.all([
      container.require('x', { id: 1, tags: ['p', { q: 1, r: 2 }] }),
      container.require('x', { tags: ['p', { r: 2, q: 1 }], id: 1 }),
      container.require('x', { id: 2 }),
      container.require('x'),
    ])
    expect(a).toBe(b)
    expect(new Set([a, c, none]).size).toBe(3)
    expect(container.peek('x', { id: 2 })).toBe(c)
    expect(a).toEqual({ params: { id: 1, tags: ['p', { q: 1, r: 2 }] } })
  })

  test('keeps at most maxInstances, and gives up the one used least recently', async () => {
    const { container, clock } = open()
    const { template, built, closed } = users({ maxInstances: 2 })
    container.register(template)
    for (const id of [1, 2, 1, 3, 1, 2]) await container.require('user', { id })
    await clock.settle()
    expect(built).toEqual([{ id: 1 }, { id: 2 }, { id: 3 }, { id: 2 }])
    expect(closed).toEqual([2, 3])
  })

  test('never gives up what another service was built from: refuses with CAPACITY', async () => {
    const { container } = open()
    container.register([
      users({ maxInstances: 1 }).template,
      { key: 'admin', factory: ({ use }) => use((deps) => deps.require('user', { id: 1 })) },
    ])
    await container.require('admin')
    expect(await faultOf(container.require('user', { id: 2 }))).toMatchObject({ code: 'CAPACITY' })
    expect(container.peek('user', { id: 1 })).toEqual({ name: 'user 1' })
  })

  test('invalidates one instance, or all', async () => {
    const { container } = open()
    const { template, closed } = users()
    container.register(template)
    for (const id of [1, 2, 3]) await container.require('user', { id })
    await container.invalidate('user', { id: 2 })
    expect(closed).toEqual([2])
    await container.invalidate('user')
    expect(closed).toEqual([2, 3, 1])
  })

  test('a service may ask for itself with other params', async () => {
    const { container } = open()
    container.register({
      key: 'sum',
      factory: async ({ params, use }): Promise<number> => {
        const n = params as unknown as number
        return n === 0 ? 0 : n + (await use((deps) => deps.require<number>('sum', n - 1)))
      },
    })
    expect(await container.require('sum', 100)).toBe(5_050)
  })
})

describe('ArtifactContainer.invalidate()', () => {
  test('gives up the service and all that was built from it, and rebuilds them when they are asked for', async () => {
    const { container } = open()
    let version = 0
    const built: string[] = []
    container.on('build:start', ({ key }) => built.push(key))
    container.register([
      { key: 'config', factory: () => `v${++version}` },
      chain('db', 'config'),
      chain('api', 'db'),
      { key: 'apart', factory: () => 'apart' },
    ])
    expect(await container.require('api')).toBe('api<db<v1>>')
    await container.require('apart')
    built.length = 0
    await container.invalidate('config')
    expect(built).toEqual([])
    expect(container.peek('api')).toBeUndefined()
    expect(container.peek('apart')).toBe('apart')
    expect(await container.require('api')).toBe('api<db<v2>>')
    expect(built).toEqual(['api', 'db', 'config'])
  })

  test('cleans dependents up first, and begins a new build only then', async () => {
    const { container } = open()
    const log: string[] = []
    const logged = (key: string, need?: string): AnyTemplate => ({
      key,
      factory: async ({ use, onCleanup }) => {
        if (need) await use((deps) => deps.require(need))
        log.push(`+${key}`)
        onCleanup(async () => {
          await Promise.resolve()
          log.push(`-${key}`)
        })
        return key
      },
    })
    container.register([logged('api', 'db'), logged('db')])
    await container.require('api')
    const done = container.invalidate('db')
    await container.require('api')
    await done
    expect(log).toEqual(['+db', '+api', '-api', '-db', '+db', '+api'])
  })

  test('builds eager and watched services again at once', async () => {
    const { container } = open()
    let version = 0
    container.register([
      { key: 'config', factory: () => `v${++version}` },
      { ...chain('eager', 'config'), lazy: false },
      chain('watched', 'config'),
      chain('lazy', 'config'),
    ])
    const seen: unknown[] = []
    await Promise.all(['eager', 'watched', 'lazy'].map((key) => container.require(key)))
    const unwatch = container.watch('watched', (value) => seen.push(value))
    await container.invalidate('config')
    expect(container.peek('eager')).toBe('eager<v2>')
    expect(seen).toEqual(['watched<v2>'])
    expect(container.peek('lazy')).toBeUndefined()
    unwatch()
    await container.invalidate('config')
    expect(seen).toHaveLength(1)
    expect(container.peek('watched')).toBeUndefined()
  })

  test('during a build, begins it anew: who waits gets the later one', async () => {
    const { container, clock } = open()
    const gates = [deferred<string>(), deferred<string>()]
    const cleaned: number[] = []
    let calls = 0
    container.register({
      key: 'db',
      factory: ({ onCleanup }) => {
        const call = calls++
        onCleanup(() => cleaned.push(call))
        return gates[call]!.promise
      },
    })
    const db = container.require('db')
    await clock.settle()
    void container.invalidate('db')
    await clock.settle()
    gates[1]!.resolve('second')
    gates[0]!.resolve('first')
    expect(await db).toBe('second')
    expect(cleaned).toEqual([0])
    expect(clock.pendingTimers).toBe(0)
  })

  test('without an end, is reported as LOOP_LIMIT', async () => {
    const { container } = open()
    container.register({
      key: 'restless',
      factory: async () => {
        await container.invalidate('restless')
        return 1
      },
    })
    expect((await faultOf(container.require('restless'))).code).toBe('LOOP_LIMIT')
  })

  test('rejects for a key that is not registered', async () => {
    expect((await faultOf(open().container.invalidate('no'))).code).toBe('NOT_FOUND')
  })
})

describe('an eager service that failed', () => {
  test('is tried again when it is invalidated', async () => {
    const { container, clock } = open()
    const factory = vi.fn<() => string>().mockImplementationOnce(() => {
      throw new Error('down')
    })
    container.register({ key: 'db', lazy: false, factory: factory.mockReturnValue('up') })
    await clock.settle()
    expect(container.peek('db')).toBeUndefined()
    await container.invalidate('db')
    expect(container.peek('db')).toBe('up')
  })
})

describe('ArtifactContainer.watch()', () => {
  test('an observer that throws stops neither the others nor the build', async () => {
    const { container, logger } = open()
    container.register({ key: 'db', factory: () => 'up' })
    const seen: unknown[] = []
    container.watch('db', () => {
      throw new Error('observer')
    })
    container.watch('db', (value) => seen.push(value))
    expect(await container.require('db')).toBe('up')
    expect(seen).toEqual(['up'])
    expect(logger.error).toHaveBeenCalledTimes(1)
  })

  test('refuses what is not registered, and what is transient', () => {
    const { container } = open()
    container.register({ key: 'fresh', scope: 'transient', factory: () => 1 })
    expect(() => container.watch('no', () => {})).toThrow(expect.objectContaining({ code: 'NOT_FOUND' }))
    expect(() => container.watch('fresh', () => {})).toThrow(
      expect.objectContaining({ code: 'INVALID_COMMAND' }),
    )
  })
})

describe('a factory that emits', () => {
  test('is ready with its first value, and its observers see each', async () => {
    const { container } = open()
    let emit!: (value: number) => void
    container.register({
      key: 'price',
      factory: (context: FactoryContext<unknown, number>) => {
        emit = (value) => context.emit(value)
        emit(1)
      },
    })
    const seen: unknown[] = []
    const events: string[] = []
    container.watch('price', (value) => seen.push(value))
    container.on('*', (type) => events.push(type))
    expect(await container.require('price')).toBe(1)
    emit(2)
    emit(3)
    expect(container.peek('price')).toBe(3)
    expect(await container.require('price')).toBe(3)
    expect(seen).toEqual([1, 2, 3])
    expect(events).toEqual(['build:start', 'build:complete', 'stream:emit', 'stream:emit', 'stream:emit'])
  })

  test('may be given up, or emit again, by who hears of it', async () => {
    const { container } = open()
    let calls = 0
    const seen: number[] = []
    container.register<'price', number>({
      key: 'price',
      factory: ({ emit }: FactoryContext<unknown, number>) => {
        container.watch('price', (value: unknown) => {
          seen.push(value as number)
          if (value === 1) emit(2)
        })
        emit(++calls)
      },
    })
    const off = container.on('build:complete', () => {
      off()
      void container.invalidate('price')
    })
    expect(await container.require('price')).toBe(2)
    expect(calls).toBe(2)
    expect(seen).toContain(2)
  })

  test('gives up what was built from the value before', async () => {
    const { container } = open()
    let emit!: (value: unknown) => void
    container.register([
      {
        key: 'config',
        factory: ({ emit: out }) => {
          emit = out
          return 'v1'
        },
      },
      chain('db', 'config'),
    ])
    expect(await container.require('db')).toBe('db<v1>')
    emit('v2')
    expect(container.peek('db')).toBeUndefined()
    expect(await container.require('db')).toBe('db<v2>')
  })

  test('may go on for as long as the service lives, and hears of its end through the signal', async () => {
    const { container } = open()
    const log: string[] = []
    const queue: ((value: string) => void)[] = []
    container.register({
      key: 'feed',
      factory: async ({ emit, signal }) => {
        signal.addEventListener('abort', () => queue.shift()?.('end'))
        try {
          while (!signal.aborted) emit(await new Promise<string>((resolve) => queue.push(resolve)))
        } finally {
          log.push('closed')
        }
      },
    })
    const first = container.require('feed')
    await new Promise((resolve) => setImmediate(resolve))
    queue.shift()!('a')
    expect(await first).toBe('a')
    await container.dispose()
    expect(log).toEqual(['closed'])
    expect(container.peek('feed')).toBeUndefined()
  })

  test('that fails later is reported, and built anew by the next use', async () => {
    const { container, clock } = open()
    let calls = 0
    const errors: ContainerEvents['build:error'][] = []
    container.on('build:error', (event) => errors.push(event))
    container.register({
      key: 'feed',
      factory: async ({ emit }) => {
        emit(++calls)
        throw new Error('cut')
      },
    })
    container.watch('feed', () => {})
    expect(await container.require('feed')).toBe(1)
    await clock.settle()
    expect(errors).toMatchObject([{ key: 'feed', willRetry: false, error: { code: 'EXECUTION_FAILED' } }])
    expect(container.peek('feed')).toBeUndefined()
    expect(calls).toBe(1)
    expect(await container.require('feed')).toBe(2)
  })
})

describe('ArtifactContainer.on()', () => {
  test('tells the life of a service in order', async () => {
    const { container } = open()
    const events: [string, unknown][] = []
    container.on('*', (type, event) => events.push([type, 'key' in event ? event.key : event.container]))
    container.register({ key: 'db', factory: () => 'up' })
    await container.require('db')
    await container.invalidate('db')
    await container.require('db')
    await container.dispose()
    expect(events).toEqual([
      ['artifact:registered', 'db'],
      ['build:start', 'db'],
      ['build:complete', 'db'],
      ['artifact:invalidated', 'db'],
      ['artifact:disposed', 'db'],
      ['build:start', 'db'],
      ['build:complete', 'db'],
      ['artifact:disposed', 'db'],
      ['container:dispose', 'container "global"'],
    ])
  })

  test('tells the containers around, says where it happened, and ends when told', async () => {
    const { container } = open()
    const seen: string[] = []
    const off = container.on('build:complete', ({ container: where }) => seen.push(where))
    const run = container.scope('workflow', { name: 'orders' }).scope('run', { name: 'r1' })
    run.register({ key: 'cart', factory: () => [] })
    await run.require('cart')
    off()
    await run.invalidate('cart')
    await run.require('cart')
    expect(seen).toEqual(['run "r1"'])
  })

  test('a handler that throws is logged and stops nobody', async () => {
    const { container, logger } = open()
    const seen: string[] = []
    container.on('build:start', () => {
      throw new Error('handler')
    })
    container.on('build:start', ({ key }) => seen.push(key))
    container.register({ key: 'db', factory: () => 1 })
    expect(await container.require('db')).toBe(1)
    expect(seen).toEqual(['db'])
    expect(logger.error).toHaveBeenCalledTimes(1)
  })

  test('reports how long a build took and why one failed', async () => {
    const { container, clock } = open()
    const took: number[] = []
    container.on('build:complete', ({ durationMs }) => took.push(durationMs))
    container.register({
      key: 'slow',
      factory: () => new Promise((resolve) => void clock.setTimeout(() => resolve(1), 250)),
    })
    const slow = container.require('slow')
    await clock.advance(250)
    await slow
    expect(took).toEqual([250])
  })
})

describe('export and from', () => {
  test('make a container of its own from the same templates, inherited ones included', async () => {
    const { container } = open()
    const factory = vi.fn(() => ({ id: Symbol() }))
    container.register([
      { key: 'db', factory },
      { key: 'shadowed', factory: () => 'outer' },
    ])
    const child = container.extend([{ key: 'shadowed', factory: () => 'inner' }])
    child.provide('__env__', { get: () => undefined })
    const copy = ArtifactContainer.from(child.export())
    expect(await copy.require('db')).not.toBe(await child.require('db'))
    expect(await copy.require('shadowed')).toBe('inner')
    expect(child.export().templates.map(({ key }) => key)).toEqual(['shadowed', 'db'])
    await container.dispose()
    expect((await copy.resolve('db')).ok).toBe(true)
  })
})

describe('ArtifactContainer.debugInfo()', () => {
  test('shows what is registered, built and connected, as plain data', async () => {
    const { container } = open()
    container.register([
      { key: 'db', factory: () => () => 'not data' },
      { ...chain('api', 'db'), factory: ({ use }) => use((deps) => deps.require('db')) },
      { key: 'user', factory: ({ params }) => params },
      { key: 'never', scope: 'run', factory: () => 1 },
    ])
    await container.require('api')
    await container.require('user', { id: 7 })
    container.scope('workflow', { name: 'orders' })
    const info = container.debugInfo()
    expect(structuredClone(info)).toEqual(info)
    const nothing = { dependencies: [], dependents: [], observers: 0 }
    expect(info).toEqual({
      container: 'container "global"',
      isDisposed: false,
      artifacts: [
        { ...nothing, key: 'api', scope: 'workflow', status: 'ready', dependencies: ['db'] },
        { ...nothing, key: 'db', scope: 'workflow', status: 'ready', dependents: ['api'] },
        { ...nothing, key: 'never', scope: 'run', status: 'idle' },
        { ...nothing, key: 'user({"id":7})', scope: 'workflow', status: 'ready' },
      ],
      children: [{ container: 'workflow "orders"', isDisposed: false, artifacts: [], children: [] }],
    })
  })
})

test('the default logger is the console, and the container is its own dispose scope', async () => {
  const cleanup = vi.fn()
  {
    await using container = new ArtifactContainer({ logger: silent })
    container.register({
      key: 'db',
      factory: ({ onCleanup }) => {
        onCleanup(cleanup)
        return 1
      },
    })
    await container.require('db')
  }
  expect(cleanup).toHaveBeenCalledTimes(1)
})
