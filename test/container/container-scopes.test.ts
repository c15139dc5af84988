import { describe, expect, test, vi } from 'vitest'
import { ArtifactContainer } from '../../src/container/artifact-container.js'
import type { AnyTemplate, FactoryContext } from '../../src/container/artifact-template.js'
import { isSystemError } from '../../src/core/system-error.js'
import { simulatedClock } from '../../src/testing/index.js'

function nest() {
  const clock = simulatedClock()
  const logger = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() }
  const global = new ArtifactContainer({ clock, logger })
  const workflow = global.scope('workflow', { name: 'orders' })
  return { clock, global, workflow }
}

const object = (key: string, scope?: 'workflow' | 'run' | 'transient'): AnyTemplate => ({
  key,
  ...(scope ? { scope } : {}),
  factory: () => ({ key }),
})

const needing = (key: string, need: string, scope: 'workflow' | 'run' | 'transient'): AnyTemplate => ({
  key,
  scope,
  factory: async ({ use }) => ({ [need]: await use((deps) => deps.require(need)) }),
})

async function messageOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.catch((fault: unknown) => fault)
  if (!isSystemError(error)) throw new Error('it did not reject', { cause: error })
  return `${error.code}: ${error.message}`
}

describe('ArtifactContainer.scope()', () => {
  test('a global service is one for all workflows, a workflow service one for all runs of its workflow', async () => {
    const { global, workflow } = nest()
    const other = global.scope('workflow', { name: 'invoices' })
    global.register(object('db'))
    for (const each of [workflow, other]) each.register(object('mailer'))
    const runs = [workflow.scope('run'), workflow.scope('run'), other.scope('run')]
    const dbs = await Promise.all(runs.map((run) => run.require('db')))
    expect(new Set(dbs).size).toBe(1)
    const [first, second, third] = await Promise.all(runs.map((run) => run.require('mailer')))
    expect(first).toBe(second)
    expect(first).not.toBe(third)
  })

  test('a run service is one per run, wherever it was registered', async () => {
    const { global, workflow } = nest()
    global.register(object('outer', 'run'))
    workflow.register(object('cart', 'run'))
    const [one, two] = [workflow.scope('run'), workflow.scope('run')]
    for (const key of ['outer', 'cart']) {
      expect(await one.require(key)).toBe(await one.require(key))
      expect(await one.require(key)).not.toBe(await two.require(key))
    }
  })

  test('a transient service is a new one at each look-up, also for each service that asks', async () => {
    const { workflow } = nest()
    workflow.register([object('id', 'transient'), needing('a', 'id', 'workflow'), needing('b', 'id', 'run')])
    const run = workflow.scope('run')
    const ids = await Promise.all([
      run.require('id'),
      run.require('id'),
      workflow.require('id'),
      run.require<{ id: unknown }>('a').then(({ id }) => id),
      run.require<{ id: unknown }>('b').then(({ id }) => id),
    ])
    expect(new Set(ids).size).toBe(5)
    expect(run.peek('id')).toBeUndefined()
  })

  test('looks up from run to workflow to global: what is nearer comes first', async () => {
    const { global, workflow } = nest()
    const run = workflow.scope('run')
    const provide = (container: ArtifactContainer, key: string, value: string) =>
      container.register({ key, factory: () => value })
    for (const key of ['a', 'b', 'c']) provide(global, key, 'global')
    for (const key of ['b', 'c']) provide(workflow, key, 'workflow')
    provide(run, 'c', 'run')
    expect(await Promise.all(['a', 'b', 'c'].map((key) => run.require(key)))).toEqual([
      'global',
      'workflow',
      'run',
    ])
    expect(await workflow.require('c')).toBe('workflow')
  })

  test('a key registered nearer later on takes precedence over what was found before', async () => {
    const { global, workflow } = nest()
    const run = workflow.scope('run')
    global.register(object('db'))
    const before = await run.require('db')
    workflow.register({ key: 'db', factory: () => 'nearer' })
    expect(await run.require('db')).toBe('nearer')
    expect(run.peek('db')).toBe('nearer')
    expect(await global.require('db')).toBe(before)
  })

  test('a global service is built from global ones, whoever asks', async () => {
    const { global, workflow } = nest()
    global.register([needing('api', 'db', 'workflow'), { key: 'db', factory: () => 'global' }])
    workflow.register({ key: 'db', factory: () => 'workflow' })
    expect(await workflow.scope('run').require('api')).toEqual({ db: 'global' })
  })

  test('eager run services are built when the run begins', async () => {
    const { workflow, clock } = nest()
    workflow.register([{ ...object('cart', 'run'), lazy: false }])
    await clock.settle()
    expect(workflow.peek('cart')).toBeUndefined()
    const run = workflow.scope('run')
    await run.ready()
    expect(run.peek('cart')).toEqual({ key: 'cart' })
  })

  test('asked directly outside of any run, a container stands for one', async () => {
    const { global } = nest()
    global.register([object('cart', 'run'), needing('total', 'cart', 'run')])
    const total = await global.require<{ cart: unknown }>('total')
    expect(total.cart).toBe(await global.require('cart'))
  })

  test('a name for a run is what its messages say', async () => {
    const { workflow } = nest()
    const message = await messageOf(workflow.scope('run', { name: 'r1' }).require('no'))
    expect(message).toBe('NOT_FOUND: Cannot find service "no": it is not registered in run "r1"')
  })
})

describe('a service that would outlive what it is built from', () => {
  test('is refused by name, for a run service', async () => {
    const { workflow } = nest()
    workflow.register([object('cart', 'run'), needing('mailer', 'cart', 'workflow')])
    const run = workflow.scope('run')
    await run.require('cart')
    expect(await messageOf(run.require('mailer'))).toBe(
      'VALIDATION: Cannot give "cart" to service "mailer" (mailer -> cart): it ends with its run, and "mailer" does not',
    )
  })

  test('is refused by name, also when the run service was asked for outside of a run before', async () => {
    const { global } = nest()
    global.register([object('cart', 'run'), needing('mailer', 'cart', 'workflow')])
    await global.require('cart')
    expect(await messageOf(global.require('mailer'))).toContain('Cannot give "cart" to service "mailer"')
  })

  test('is refused by name, for a service of a workflow that a global one asks for', async () => {
    const { global, workflow } = nest()
    workflow.register(object('mailer'))
    global.register(needing('audit', 'mailer', 'workflow'))
    expect(await messageOf(workflow.scope('run').require('audit'))).toContain(
      '(audit -> mailer): it ends with workflow "orders", and "audit" does not',
    )
  })

  test('is refused through a transient service in between, which lives as long as who asked', async () => {
    const { workflow } = nest()
    workflow.register([
      object('cart', 'run'),
      needing('view', 'cart', 'transient'),
      needing('mailer', 'view', 'workflow'),
      needing('page', 'view', 'run'),
    ])
    const run = workflow.scope('run')
    expect(await messageOf(run.require('mailer'))).toContain('(mailer -> view -> cart)')
    expect(await run.require('page')).toEqual({ view: { cart: { key: 'cart' } } })
    expect(await run.require('view')).toEqual({ cart: { key: 'cart' } })
  })

  test('may use what lives longer', async () => {
    const { global, workflow } = nest()
    global.register(object('db'))
    workflow.register([needing('orders', 'db', 'workflow'), needing('cart', 'orders', 'run')])
    expect(await workflow.scope('run').require('cart')).toEqual({ orders: { db: { key: 'db' } } })
  })
})

describe('invalidation across containers', () => {
  test('reaches what runs built from a workflow service, and forgets runs that ended', async () => {
    const { workflow, clock } = nest()
    let version = 0
    workflow.register([
      { key: 'config', factory: () => ++version },
      needing('cart', 'config', 'run'),
      needing('page', 'config', 'transient'),
    ])
    const [one, two] = [workflow.scope('run'), workflow.scope('run')]
    await Promise.all([one, two].flatMap((run) => [run.require('cart'), run.require('page')]))
    await one.dispose()
    const config = () => workflow.debugInfo().artifacts.find(({ key }) => key === 'config')
    expect(config()?.dependents).toEqual(['cart'])
    void workflow.invalidate('config')
    expect(await two.require('cart')).toEqual({ config: 2 })
    await two.dispose()
    await clock.settle()
    expect(config()?.dependents).toEqual([])
    expect(workflow.debugInfo().children).toEqual([])
  })

  test('of a run service reaches all runs when asked of the workflow, one when asked of the run', async () => {
    const { workflow } = nest()
    let built = 0
    workflow.register({ key: 'cart', scope: 'run', factory: () => ++built })
    const runs = [workflow.scope('run'), workflow.scope('run')]
    for (const run of runs) await run.require('cart')
    await runs[0]!.invalidate('cart')
    expect(runs.map((run) => run.peek('cart'))).toEqual([undefined, 2])
    await runs[0]!.require('cart')
    await workflow.invalidate('cart')
    expect(runs.map((run) => run.peek('cart'))).toEqual([undefined, undefined])
  })
})

describe('ArtifactContainer.extend()', () => {
  test('shares what its parent has, and has templates of its own', async () => {
    const { global } = nest()
    global.register([object('db'), object('logger')])
    const child = global.extend<{ db: unknown; logger: unknown }>([
      { key: 'logger', factory: () => 'quiet' },
      needing('api', 'db', 'workflow'),
    ])
    expect(await child.require('db')).toBe(await global.require('db'))
    expect(await child.require('logger')).toBe('quiet')
    expect(await global.require('logger')).toEqual({ key: 'logger' })
    expect((await global.resolve('api')).ok).toBe(false)
  })

  test('ends with its parent, and can end before', async () => {
    const { global } = nest()
    const log: string[] = []
    const cleaned = (key: string): AnyTemplate => ({
      key,
      factory: ({ onCleanup }) => void onCleanup(() => log.push(key)),
    })
    global.register(cleaned('db'))
    const [first, second] = [global.extend([cleaned('a')]), global.extend([cleaned('b')])]
    await Promise.all([first.require('a'), first.require('db'), second.require('b')])
    await first.dispose()
    expect(log).toEqual(['a'])
    await global.dispose()
    expect(log).toEqual(['a', 'b', 'db'])
    expect(await messageOf(second.require('b'))).toContain('UNAVAILABLE')
    expect(() => second.extend()).toThrow(expect.objectContaining({ code: 'UNAVAILABLE' }))
  })

  test('of a run belongs to that run', async () => {
    const { workflow } = nest()
    workflow.register(object('cart', 'run'))
    const run = workflow.scope('run')
    expect(await run.extend().require('cart')).toBe(await run.require('cart'))
  })
})

describe('select', () => {
  interface Order {
    readonly items: readonly string[]
    readonly total: number
  }

  function run(initial: Order) {
    const { workflow } = nest()
    let state = initial
    const container = workflow.scope('run', { state: { getState: () => state } })
    const setState = (next: Partial<Order>) => {
      state = { ...state, ...next }
      return container.stateChanged()
    }
    return { workflow, container, setState }
  }

  test('a service is rebuilt when its selection changes, and only then', async () => {
    const { workflow, container, setState } = run({ items: ['tea'], total: 3 })
    const factory = vi.fn(({ use }: FactoryContext) => use((deps) => deps.select((s: Order) => s.total * 2)))
    workflow.register([
      { key: 'double', scope: 'run', factory },
      needing('page', 'double', 'run'),
      needing('view', 'double', 'transient'),
      needing('frame', 'view', 'run'),
    ])
    expect(await container.require('page')).toEqual({ double: 6 })
    expect(await container.require('frame')).toEqual({ view: { double: 6 } })
    await setState({ items: ['tea', 'milk'] })
    expect(container.peek('page')).toEqual({ double: 6 })
    await setState({ total: 5 })
    expect(container.peek('page')).toBeUndefined()
    expect(await container.require('page')).toEqual({ double: 10 })
    expect(await container.require('frame')).toEqual({ view: { double: 10 } })
    expect(factory).toHaveBeenCalledTimes(2)
  })

  test('selections are compared field by field, and with Object.is', async () => {
    const { workflow, container, setState } = run({ items: ['tea'], total: Number.NaN })
    let built = 0
    workflow.register({
      key: 'summary',
      scope: 'run',
      factory: ({ use }: FactoryContext) => {
        const first = use((deps) => deps.select((s: Order) => ({ total: s.total, first: s.items[0] })))
        return { ...first, all: use((deps) => deps.select((s: Order) => [...s.items])), built: ++built }
      },
    })
    const before = await container.require('summary')
    await setState({ items: ['tea'] })
    expect(await container.require('summary')).toBe(before)
    await setState({ items: ['tea', 'milk'] })
    expect(await container.require('summary')).toMatchObject({ all: ['tea', 'milk'], built: 2 })
  })

  test('a change during the build has it begun anew', async () => {
    const { workflow, container, setState } = run({ items: [], total: 1 })
    let open: (() => void) | undefined
    workflow.register({
      key: 'priced',
      scope: 'run',
      factory: async ({ use }) => {
        const total = use((deps) => deps.select((s: Order) => s.total))
        if (total === 1) await new Promise<void>((resolve) => (open = resolve))
        return total
      },
    })
    const priced = container.require('priced')
    await new Promise((resolve) => setImmediate(resolve))
    void setState({ total: 2 })
    open?.()
    expect(await priced).toBe(2)
  })

  test('a selector that throws later counts as changed, and the factory tells', async () => {
    const { workflow, container, setState } = run({ items: ['tea'], total: 1 })
    workflow.register({
      key: 'first',
      scope: 'run',
      factory: ({ use }) => use((deps) => deps.select((s: Order) => s.items[0]!.length)),
    })
    expect(await container.require('first')).toBe(3)
    await setState({ items: [] })
    expect(await messageOf(container.require('first'))).toContain('EXECUTION_FAILED')
  })

  test('a transient service itself selects, and stays with whom it was given to', async () => {
    const { workflow, container, setState } = run({ items: [], total: 1 })
    const cleanup = vi.fn()
    workflow.register({
      key: 'now',
      scope: 'transient',
      factory: ({ use, onCleanup }) => {
        onCleanup(cleanup)
        return use((deps) => deps.select((s: Order) => s.total))
      },
    })
    expect(await container.require('now')).toBe(1)
    await setState({ total: 2 })
    expect(cleanup).not.toHaveBeenCalled()
    expect(await container.require('now')).toBe(2)
    await container.dispose()
    expect(cleanup).toHaveBeenCalledTimes(2)
  })

  test('steps select without a service; outside of a run it is refused', async () => {
    const { workflow, container } = run({ items: [], total: 7 })
    expect(container.use((deps) => deps.select((s: Order) => s.total))).toBe(7)
    expect(() => workflow.use((deps) => deps.select((s: Order) => s.total))).toThrow('there is no run state')
    workflow.register({
      key: 'mailer',
      factory: ({ use }) => use((deps) => deps.select((s: Order) => s.total)),
    })
    expect(await messageOf(container.require('mailer'))).toContain(
      'Cannot give "the run state" to service "mailer"',
    )
  })
})

describe('ArtifactContainer.provide()', () => {
  test('puts a value under a reserved key, at once, nearer than the containers around', async () => {
    const { global, workflow } = nest()
    global.provide('__env__', 'outer')
    const run = workflow.scope('run')
    expect(await run.require('__env__')).toBe('outer')
    run.provide('__env__', 'inner')
    expect(run.peek('__env__')).toBe('inner')
    expect(await run.require('__env__')).toBe('inner')
    expect(await workflow.require('__env__')).toBe('outer')
    run.provide('__env__', 'replaced')
    expect(await run.require('__env__')).toBe('replaced')
  })
})
