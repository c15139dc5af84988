import { expect, test, vi } from 'vitest'
import { ArtifactContainer } from '../../src/container/artifact-container.js'
import { simulatedClock } from '../../src/testing/index.js'

function open() {
  const clock = simulatedClock()
  const logger = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() }
  const log: string[] = []
  const later = (ms: number) => new Promise<void>((resolve) => void clock.setTimeout(resolve, ms))
  const close = (name: string, ms: number) => async () => {
    await later(ms)
    log.push(name)
  }
  return { clock, log, later, close, container: new ArtifactContainer({ clock, logger }) }
}

test('dispose() waits for a factory whose build was given up before, and for what it opened', async () => {
  const { clock, container, log, later, close } = open()
  container.register({
    key: 'db',
    factory: async ({ onCleanup }) => {
      await later(10)
      onCleanup(close('closed', 10))
    },
  })
  void container.resolve('db')
  await clock.settle()
  void container.invalidate('db')
  const done = container.dispose().then(() => log.push('disposed'))
  await clock.advance('1m')
  await done
  expect(log).toEqual(['closed', 'disposed'])
})

test('dispose() remembers a clean-up under way when another one begins', async () => {
  const { clock, container, log, close } = open()
  container.register([
    { key: 'db', factory: ({ onCleanup }) => onCleanup(close('db closed', 50)) },
    {
      key: 'api',
      factory: async ({ use, onCleanup }) => {
        onCleanup(close('api closed', 5))
        await use((deps) => deps.require('db'))
      },
    },
  ])
  await container.require('db')
  void container.invalidate('db')
  void container.resolve('api')
  await clock.settle()
  void container.invalidate('db')
  await clock.advance(10)
  const done = container.dispose().then(() => log.push('disposed'))
  await clock.advance('1m')
  await done
  expect(log.slice(0, 2)).toEqual(['api closed', 'db closed'])
  expect(log.at(-1)).toBe('disposed')
})

test('a service is cleaned up after what was built from it, also when that was given up before', async () => {
  const { clock, container, log, close } = open()
  container.register([
    { key: 'db', factory: ({ onCleanup }) => onCleanup(close('db closed', 0)) },
    {
      key: 'api',
      factory: async ({ use, onCleanup }) => {
        await use((deps) => deps.require('db'))
        onCleanup(close('api flushed', 50))
      },
    },
  ])
  await container.require('api')
  void container.invalidate('api')
  const done = container.invalidate('db')
  await clock.advance(100)
  await done
  expect(log).toEqual(['api flushed', 'db closed'])
  await container.dispose()
})

test('invalidate() waits for the clean-up that an earlier call has begun', async () => {
  const { clock, container, log, close } = open()
  container.register({ key: 'db', factory: ({ onCleanup }) => onCleanup(close('closed', 50)) })
  await container.require('db')
  void container.invalidate('db')
  const done = container.invalidate('db').then(() => log.push('resolved'))
  await clock.advance(100)
  await done
  expect(log).toEqual(['closed', 'resolved'])
})

test('who hears of an invalidation and asks again gets another instance, after the clean-up', async () => {
  const { clock, container, log, close } = open()
  let built = 0
  container.register({
    key: 'db',
    factory: ({ onCleanup }) => {
      log.push(`built ${++built}`)
      onCleanup(close('closed', 50))
      return built
    },
  })
  await container.require('db')
  container.on('artifact:invalidated', () => {
    void container.require('db').then((value) => log.push(`got ${String(value)}`))
  })
  void container.invalidate('db')
  await clock.advance(100)
  expect(log).toEqual(['built 1', 'closed', 'built 2', 'got 2'])
})

test('an instance that made room is not built again while it is cleaned up', async () => {
  const { clock, container, log, close } = open()
  container.register({
    key: 'user',
    maxInstances: 1,
    factory: ({ params, onCleanup }: { params: number; onCleanup: (cleanup: () => unknown) => void }) => {
      log.push(`opened ${params}`)
      onCleanup(close(`closed ${params}`, 50))
    },
  })
  await container.require('user', 1)
  await container.require('user', 2)
  void container.resolve('user', 1)
  await clock.advance(200)
  expect(log.indexOf('closed 1')).toBeLessThan(log.lastIndexOf('opened 1'))
  expect(log).toHaveLength(5)
})

test('an instance that made room is found by nobody: what is built later from its key is cleaned up', async () => {
  const { clock, container, log, close } = open()
  container.register([
    { key: 'user', maxInstances: 1, factory: ({ onCleanup }) => onCleanup(close('user closed', 0)) },
    { key: 'api', factory: ({ use }) => use((deps) => deps.require('user')) },
  ])
  await container.require('user')
  await container.require('user', 1)
  void container.invalidate('user', 1)
  await clock.advance(1)
  const built = container.require('api')
  await clock.settle()
  await built
  expect(log.splice(0)).toEqual(['user closed', 'user closed'])
  const done = container.dispose()
  await clock.advance(100)
  await done
  expect(log).toEqual(['user closed'])
})

test('the signal of a transient service fires when its container ends, also if there is nothing to clean up', async () => {
  const { container } = open()
  const run = container.scope('run')
  let signal: AbortSignal | undefined
  run.register({ key: 'line', scope: 'transient', factory: (context) => void (signal = context.signal) })
  await run.require('line')
  expect(signal!.aborted).toBe(false)
  await run.dispose()
  expect(signal!.aborted).toBe(true)
})

test('a template that a workflow adds holds in its runs too, also where an instance of the one further out exists', async () => {
  const { container } = open()
  container.register({ key: 'cart', scope: 'run', factory: () => 'global' })
  const workflow = container.scope('workflow')
  const run = workflow.scope('run')
  expect(await run.require('cart')).toBe('global')
  workflow.register({ key: 'cart', scope: 'run', factory: () => 'workflow' })
  expect(await run.require('cart')).toBe('workflow')
})

test('a factory that waits for a slow service is let go when its own container ends', async () => {
  const { clock, container, log, later } = open()
  container.register({ key: 'slow', factory: () => later(1_000) })
  const run = container.scope('run')
  run.register({ key: 'cart', factory: ({ use }) => use((deps) => deps.require('slow')) })
  void run.resolve('cart')
  await clock.settle()
  void run.dispose().then(() => log.push('disposed'))
  await clock.advance(1)
  expect(log).toEqual(['disposed'])
})
