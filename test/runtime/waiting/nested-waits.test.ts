import { describe, expect, it } from 'vitest'
import { type AnyPipeline, type PauseService, type StepContext, defineWorkflow, pause } from 'busline'
import { openRuntime } from '../open-runtime.js'
import { short } from './scripted-run.js'

/** One child per key, each waiting for its own event. */
const perKey = (child: AnyPipeline['stages'], rest: Partial<AnyPipeline['stages'][number]> = {}) =>
  defineWorkflow({
    id: 'w',
    triggers: { go: { event: 'go' } },
    pipelines: {
      main: {
        id: 'main',
        initialState: ({ payload }: { payload: readonly string[] }) => ({ keys: payload }),
        stages: [
          {
            id: 'fan',
            forEach: ({ keys }: { keys: readonly string[] }) => keys,
            pipelines: [{ id: 'each', stages: child }],
            ...rest,
          },
        ],
      },
    },
  })

const askForItem = {
  id: 'ask',
  router: () =>
    pause({
      until: {
        event: 'reply',
        conditions: [{ field: 'key', op: '==', valueFrom: 'item' }],
        assign: { text: 'text' },
      },
      timeout: '1d',
    }),
} as const

async function open(workflow: ReturnType<typeof perKey>, payload: unknown) {
  const opened = openRuntime()
  await opened.runtime.register(workflow)
  const first = opened.runtime.invoke('w', 'go', payload)
  await opened.clock.settle()
  const { runId } = (await first).metadata
  return {
    ...opened,
    runId,
    info: () => opened.runtime.watch('w', runId)!,
    publish: async (type: string, event: unknown) => {
      opened.bus.publish(type, event)
      await opened.clock.settle()
    },
  }
}

describe('children that wait', () => {
  it('are each woken by their own event, in any order; the run ends with the last', async () => {
    const run = await open(perKey([askForItem]), ['a', 'b', 'c'])
    expect(run.info().status).toBe('paused')
    await run.publish('reply', { key: 'b', text: 'B' })
    await run.publish('reply', { key: 'x', text: 'X' })
    await run.publish('reply', { key: 'b', text: 'again' })
    await run.publish('reply', { key: 'c', text: 'C' })
    expect(run.info().status).toBe('paused')
    await run.publish('reply', { key: 'a', text: 'A' })
    expect(run.info()).toMatchObject({
      status: 'succeeded',
      state: { each: ['A', 'B', 'C'].map((text) => ({ text })) },
    })
    expect([run.bus.hasSubscribers('reply'), run.clock.pendingTimers]).toEqual([false, 0])
  })

  it('are all woken by an event that fits them all', async () => {
    const listen = { id: 'ask', router: () => pause({ until: { event: 'all' }, timeout: Infinity }) }
    const run = await open(perKey([listen]), ['a', 'b', 'c'])
    await run.publish('all', {})
    expect(run.info().status).toBe('succeeded')
  })

  it('have a window each: what one registered before its pause is kept for it alone', async () => {
    const causes: unknown[] = []
    const letGo: (() => void)[] = []
    const { runtime, bus, clock } = openRuntime()
    await runtime.register(
      perKey([
        {
          id: 'work',
          steps: {
            s: async ({ use, state }: StepContext<{ item: string }>) => {
              const service = await use((deps) => deps.require<PauseService>('__pause_service__'))
              await service.register({
                event: 'reply',
                conditions: [{ field: 'key', op: '==', value: state.item }],
              })
              await new Promise<void>((resolve) => letGo.push(resolve))
            },
          },
          router: () => pause({ timeout: Infinity }),
        },
        {
          id: 'note',
          steps: { s: ({ state, resume }: StepContext) => void causes.push([state['item'], short(resume)]) },
        },
      ]),
    )
    const firstStop = runtime.invoke('w', 'go', ['a', 'b'])
    await clock.settle()
    bus.publish('reply', { key: 'b' })
    for (const go of letGo) go()
    await clock.settle()
    expect(causes).toEqual([['b', { key: 'b' }]])
    bus.publish('reply', { key: 'a' })
    await clock.settle()
    expect(causes).toEqual([
      ['b', { key: 'b' }],
      ['a', { key: 'a' }],
    ])
    expect(await firstStop).toMatchObject({ ok: true, value: { status: 'paused' } })
  })

  it('two levels down wait at their own place', async () => {
    const inner = {
      id: 'inner',
      forEach: () => ['x', 'y'],
      pipelines: [{ id: 'leaf', stages: [askForItem] }],
    }
    const run = await open(perKey([inner]), ['a', 'b'])
    const paths: string[] = []
    for (const key of ['y', 'x']) {
      await run.publish('reply', { key, text: key.toUpperCase() })
      paths.push(run.info().status)
    }
    expect(paths).toEqual(['paused', 'succeeded'])
    const leaves = ['X', 'Y'].map((text) => ({ text }))
    expect(run.info().state).toMatchObject({ each: [{ leaf: leaves }, { leaf: leaves }] })
  })

  it('may wait while others work, and are resumed meanwhile', async () => {
    let letGo = () => {}
    const run = openRuntime()
    await run.runtime.register(
      defineWorkflow({
        id: 'w',
        triggers: { go: { event: 'go' } },
        pipelines: {
          main: {
            id: 'main',
            stages: [
              {
                id: 'both',
                pipelines: [
                  {
                    id: 'waits',
                    stages: [
                      { id: 'ask', router: () => pause({ until: { event: 'a' }, timeout: Infinity }) },
                      { id: 'note', steps: { s: () => ({ isWoken: true }) } },
                    ],
                  },
                  {
                    id: 'works',
                    stages: [
                      { id: 'work', steps: { s: () => new Promise<void>((resolve) => (letGo = resolve)) } },
                    ],
                  },
                ],
              },
            ],
          },
        },
      }),
    )
    const finished = run.runtime.invoke('w', 'go')
    await run.clock.settle()
    run.bus.publish('a', 1)
    await run.clock.settle()
    run.bus.publish('a', 2)
    letGo()
    expect(await finished).toMatchObject({
      value: { status: 'succeeded', state: { waits: { isWoken: true }, works: {} } },
    })
  })

  it('are ended together, waits and timers with them, when one fails or the run is aborted', async () => {
    const orThrow = {
      id: 'then',
      steps: {
        s: ({ state }: StepContext<{ text: string }>) => {
          if (state.text === 'bad') throw new Error('bad reply')
        },
      },
    }
    const failing = await open(perKey([askForItem, orThrow]), ['a', 'b'])
    await failing.publish('reply', { key: 'a', text: 'bad' })
    expect(failing.info().status).toBe('failed')
    expect([failing.bus.hasSubscribers('reply'), failing.clock.pendingTimers]).toEqual([false, 0])

    const aborted = await open(perKey([askForItem]), ['a', 'b'])
    await aborted.runtime.abort(aborted.runId)
    expect([aborted.bus.hasSubscribers('reply'), aborted.clock.pendingTimers]).toEqual([false, 0])
  })

  it('time out each for itself', async () => {
    const nap = {
      id: 'nap',
      router: ({ state }: { state: { item: number } }) => pause({ timeout: state.item, into: 'woke' }),
    }
    const run = await open(perKey([nap]), [3, 1, 2])
    await run.clock.advance(2)
    expect(run.info().status).toBe('paused')
    await run.clock.advance(1)
    expect(run.info()).toMatchObject({
      status: 'succeeded',
      state: { each: [3, 1, 2].map((item) => ({ item, woke: { kind: 'timeout' } })) },
    })
  })

  it('by the thousand pause and go on in time', async () => {
    const keys = Array.from({ length: 3000 }, (_, index) => `k${index}`)
    const run = await open(perKey([askForItem]), keys)
    for (const key of keys) run.bus.publish('reply', { key, text: key })
    await run.clock.settle()
    expect(run.info().status).toBe('succeeded')
  })
})
