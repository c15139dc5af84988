import { describe, expect, test, vi } from 'vitest'
import { ArtifactContainer } from '../../src/container/artifact-container.js'
import type { AnyTemplate } from '../../src/container/artifact-template.js'
import type { ContainerEvents } from '../../src/container/container-events.js'
import { simulatedClock } from '../../src/testing/index.js'

function open() {
  const clock = simulatedClock()
  const logger = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() }
  const container = new ArtifactContainer({ clock, logger })
  const log: string[] = []
  const errors: [string, readonly { code: string; message: string }[]][] = []
  container.on('artifact:disposed', (event: ContainerEvents['artifact:disposed']) =>
    errors.push([event.key, event.errors]),
  )
  const service = (key: string, needs: string[] = [], cleanup?: () => unknown): AnyTemplate => ({
    key,
    factory: async ({ use, onCleanup }) => {
      for (const need of needs) await use((deps) => deps.require(need))
      onCleanup(() => log.push(key))
      if (cleanup) onCleanup(cleanup)
      return key
    },
  })
  return { clock, logger, container, log, errors, service }
}

describe('ArtifactContainer.dispose()', () => {
  test('cleans up in the reverse order of creation, and within a service newest first', async () => {
    const { container, log, service } = open()
    container.register([
      service('c', ['b'], () => log.push('c, last registered')),
      service('a'),
      service('b', ['a']),
      service('unused'),
    ])
    await container.require('c')
    await container.dispose()
    expect(log).toEqual(['c, last registered', 'c', 'b', 'a'])
  })

  test('goes on when a clean-up throws, rejects or never ends, and reports each', async () => {
    const { clock, container, log, errors, logger, service } = open()
    container.register([
      service('a'),
      service('rejects', ['a'], () => Promise.reject(new Error('rejected'))),
      service('hangs', ['rejects'], () => new Promise(() => {})),
      service('throws', ['hangs'], () => {
        throw null
      }),
    ])
    await container.require('throws')
    let isDone = false
    const done = container.dispose().then(() => (isDone = true))
    await clock.advance(4_999)
    expect(isDone).toBe(false)
    await clock.advance(1)
    await done
    expect(log).toEqual(['throws', 'hangs', 'rejects', 'a'])
    expect(errors.map(([key, found]) => [key, found.map(({ code }) => code)])).toEqual([
      ['throws', ['EXECUTION_FAILED']],
      ['hangs', ['TIMEOUT']],
      ['rejects', ['EXECUTION_FAILED']],
      ['a', []],
    ])
    expect(logger.error).toHaveBeenCalledTimes(3)
    expect(clock.pendingTimers).toBe(0)
  })

  test('during a build, gives it up: who waits is told, and what the factory opens later is closed', async () => {
    const { clock, container } = open()
    let open_!: () => void
    const cleanup = vi.fn()
    const aborted = vi.fn()
    container.register([
      {
        key: 'db',
        factory: async ({ signal, onCleanup }) => {
          signal.addEventListener('abort', aborted)
          await new Promise<void>((resolve) => (open_ = resolve))
          onCleanup(cleanup)
          return 'up'
        },
      },
      { key: 'api', factory: ({ use }) => use((deps) => deps.require('db')) },
    ])
    const waiting = Promise.all([container.resolve('db'), container.resolve('api')])
    await clock.settle()
    let isDone = false
    const done = container.dispose().then(() => (isDone = true))
    const aborts = { ok: false, error: { code: 'ABORTED' } }
    expect(await waiting).toMatchObject([aborts, aborts])
    expect(aborted).toHaveBeenCalledTimes(1)
    await clock.settle()
    expect(isDone).toBe(false)
    open_()
    await done
    expect(cleanup).toHaveBeenCalledTimes(1)
    expect(clock.pendingTimers).toBe(0)
  })

  test('does not wait for a factory beyond the bound, and closes what it opens after that', async () => {
    const { clock, container } = open()
    let open_!: () => void
    const cleanup = vi.fn()
    container.register({
      key: 'db',
      factory: async ({ onCleanup }) => {
        await new Promise<void>((resolve) => (open_ = resolve))
        onCleanup(cleanup)
      },
    })
    void container.resolve('db')
    await clock.settle()
    const done = container.dispose()
    await clock.advance('5s')
    await done
    open_()
    await clock.settle()
    expect(cleanup).toHaveBeenCalledTimes(1)
    expect(clock.pendingTimers).toBe(0)
  })

  test('a factory that goes on after disposal gets no more services', async () => {
    const { clock, container } = open()
    let proceed!: () => void
    const answers: unknown[] = []
    container.register([
      { key: 'db', factory: () => 'db' },
      {
        key: 'api',
        factory: async ({ use }) => {
          await new Promise<void>((resolve) => (proceed = resolve))
          answers.push(await use((deps) => deps.resolve('db')))
        },
      },
    ])
    void container.resolve('api')
    await clock.settle()
    const done = container.dispose()
    proceed()
    await done
    expect(answers).toMatchObject([{ ok: false, error: { code: 'ABORTED' } }])
  })

  test('refuses everything afterwards, and is the same promise when called again', async () => {
    const { container } = open()
    container.register({ key: 'db', factory: () => 1 })
    await container.require('db')
    const done = container.dispose()
    expect(container.dispose()).toBe(done)
    const unavailable = { ok: false, error: { code: 'UNAVAILABLE' } }
    expect(await container.resolve('db')).toMatchObject(unavailable)
    expect(await container.use((deps) => deps.resolve('db'))).toMatchObject(unavailable)
    expect(container.peek('db')).toBeUndefined()
    await done
    const refused = expect.objectContaining({ code: 'UNAVAILABLE' }) as Error
    expect(() => container.register({ key: 'x', factory: () => 1 })).toThrow(refused)
    expect(() => container.watch('db', () => {})).toThrow(refused)
    expect(() => container.scope('run')).toThrow(refused)
    expect(container.debugInfo()).toMatchObject({ isDisposed: true, children: [] })
  })

  test('of a workflow ends its runs first, whatever was built when', async () => {
    const { container, log, service } = open()
    const workflow = container.scope('workflow', { name: 'orders' })
    workflow.register([service('shared'), { ...service('cart', ['shared']), scope: 'run' }])
    workflow.register(service('later'))
    const run = workflow.scope('run')
    await run.require('cart')
    await workflow.require('later')
    await workflow.dispose()
    expect(log).toEqual(['cart', 'later', 'shared'])
    expect(container.debugInfo().children).toEqual([])
  })

  test('fires the signal of a service only after what was built from it is cleaned up', async () => {
    const { container } = open()
    const log: string[] = []
    container.register([
      {
        key: 'db',
        factory: ({ signal }) => void signal.addEventListener('abort', () => log.push('db aborted')),
      },
      {
        key: 'api',
        factory: async ({ use, onCleanup }) => {
          await use((deps) => deps.require('db'))
          onCleanup(async () => {
            await Promise.resolve()
            log.push('api flushed')
          })
        },
      },
    ])
    await container.require('api')
    await container.dispose()
    expect(log).toEqual(['api flushed', 'db aborted'])
  })

  test('waits for the clean-up of an invalidation under way', async () => {
    const { clock, container } = open()
    let isClosed = false
    container.register({
      key: 'db',
      factory: ({ onCleanup }) =>
        void onCleanup(
          () =>
            new Promise<void>((resolve) => void clock.setTimeout(() => resolve(void (isClosed = true)), 50)),
        ),
    })
    await container.require('db')
    void container.invalidate('db')
    const done = container.dispose()
    await clock.advance(50)
    await done
    expect(isClosed).toBe(true)
  })

  test('ends a transient service that is being built, and leaves no timer', async () => {
    const { clock, container } = open()
    container.register({ key: 'line', scope: 'transient', factory: () => new Promise(() => {}) })
    const line = container.resolve('line')
    await clock.settle()
    const done = container.dispose()
    expect(await line).toMatchObject({ ok: false, error: { code: 'ABORTED' } })
    await clock.advance('5s')
    await done
    expect(clock.pendingTimers).toBe(0)
  })

  test('waits for the clean-up of an instance that made room for another', async () => {
    const { clock, container } = open()
    let isClosed = false
    container.register({
      key: 'user',
      maxInstances: 1,
      factory: ({ params, onCleanup }) => {
        const close = () => new Promise<void>((resolve) => void clock.setTimeout(resolve, 50))
        if ((params as unknown) === 1) onCleanup(() => close().then(() => (isClosed = true)))
        return {}
      },
    })
    await container.require('user', 1)
    await container.require('user', 2)
    expect(container.peek('user', 1)).toBeUndefined()
    const done = container.dispose()
    await clock.advance(50)
    await done
    expect(isClosed).toBe(true)
  })

  test('gives up a transient service with who asked for it, also between its retries', async () => {
    const { clock, container, log, service } = open()
    let calls = 0
    container.register([
      {
        key: 'line',
        scope: 'transient',
        retries: 1,
        retryDelay: 100,
        factory: ({ attempt, onCleanup }) => {
          calls++
          onCleanup(() => log.push(`line ${calls}`))
          if (attempt === 1 && calls === 1) throw new Error('busy')
          return 'line'
        },
      },
      service('call', ['line']),
    ])
    const call = container.require('call')
    await clock.settle()
    void container.invalidate('call')
    expect(await call).toBe('call')
    expect(calls).toBe(2)
    await container.dispose()
    expect(log).toEqual(['line 1', 'call', 'line 2'])
    expect(clock.pendingTimers).toBe(0)
  })

  test('nothing is kept of a thousand runs that ended', async () => {
    const { container, service } = open()
    const workflow = container.scope('workflow', { name: 'orders' })
    workflow.register([
      service('db'),
      { ...service('cart', ['db']), scope: 'run' },
      { ...service('line', ['db']), scope: 'transient' },
    ])
    for (let index = 0; index < 1_000; index++) {
      const run = workflow.scope('run', { name: `r${index}` })
      await run.require('cart')
      await run.require('line')
      await run.dispose()
    }
    expect(workflow.debugInfo()).toMatchObject({
      children: [],
      artifacts: [{}, { key: 'db', dependents: [] }, {}],
    })
  })
})
