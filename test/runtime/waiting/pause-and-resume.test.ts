import { describe, expect, it } from 'vitest'
import { type DispatchResult, type WatchDescriptor, defineWorkflow, pause, workflow } from 'busline'
import { openRuntime } from '../open-runtime.js'
import { ScriptedRun, openRecordedStand, openStand, short } from './scripted-run.js'

interface Questions extends Record<string, unknown> {
  go: object
  ask: object
  answer: number
}
interface Orders extends Record<string, unknown> {
  go: object
  paid: string
}

const onA: WatchDescriptor = { event: 'a' }
const byKey: WatchDescriptor = { event: 'a', conditions: [{ field: 'key', op: '==', valueFrom: 'key' }] }

describe('an event that a run waits for', () => {
  it('before the pause is kept from register on, and ends the pause at once', async () => {
    const run = await ScriptedRun.start(openStand())
    await run.publish('a', 'too early')
    await run.register(onA)
    await run.publish('a', 'first')
    await run.publish('a', 'second')
    await run.pause()
    expect(run.lastResume).toBe('first')
    await run.pause()
    expect(run.lastResume).toBe('second')
  })

  it('between two pauses is kept for the next', async () => {
    const run = await ScriptedRun.start(openStand())
    await run.register(onA)
    await run.pause()
    await run.publish('a', 1)
    expect(run.lastResume).toBe(1)
    await run.publish('a', 2)
    await run.publish('a', 3)
    await run.pause()
    await run.pause()
    expect(run.legs.map(short)).toEqual([undefined, 1, 2, 3])
  })

  it('ends a pause that found nothing kept', async () => {
    const run = await ScriptedRun.start(openStand())
    await run.register(onA)
    await run.pause()
    await run.publish('b')
    expect(run.status).toBe('paused')
    await run.publish('a', 1)
    expect([run.status, run.lastResume]).toEqual(['running', 1])
  })

  it('waits behind one of another type that came first', async () => {
    const run = await ScriptedRun.start(openStand())
    await run.register({ event: 'b' })
    await run.register(onA)
    for (const [type, n] of [
      ['a', 1],
      ['b', 2],
      ['a', 3],
      ['b', 4],
    ] as const)
      await run.publish(type, n)
    for (let n = 0; n < 4; n++) await run.pause()
    expect(run.legs.map(short)).toEqual([undefined, 1, 2, 3, 4])
  })

  it('resumes once when two come at once while parked: the second is for the next pause', async () => {
    const run = await ScriptedRun.start(openStand())
    await run.register(onA)
    await run.pause()
    run.stand.bus.publish('a', 1)
    run.stand.bus.publish('a', 2)
    await run.stand.clock.settle()
    expect(run.legs.map(short)).toEqual([undefined, 1])
    await run.pause()
    expect(run.lastResume).toBe(2)
  })

  it('is not the one that started the run, though it fits; another of its type is', async () => {
    const run = await ScriptedRun.start(openStand(), { workflowId: 'w' })
    const { bus, clock } = run.stand
    await run.register({ event: 'w:start' })
    await run.pause()
    expect(run.status).toBe('paused')
    bus.dispatch(run.started)
    await clock.settle()
    expect(run.status).toBe('paused')
    const { runId } = run
    bus.publish('w:start', 'again')
    await clock.settle()
    expect(run.stand.runtime.watch('w', runId)).toMatchObject({ status: 'running' })
  })

  it('delivered twice under one id ends one pause', async () => {
    const run = await ScriptedRun.start(openStand())
    await run.register(onA)
    await run.pause()
    const event = run.stand.bus.publish('a', 1)
    run.stand.bus.dispatch(event)
    await run.stand.clock.settle()
    await run.pause()
    run.stand.bus.dispatch(event)
    await run.stand.clock.settle()
    expect([run.status, run.legs.length]).toEqual(['paused', 2])
  })

  it('may be one that the run itself publishes with the commit that pauses it', async () => {
    const { bus, clock, runtime } = openRuntime<Questions>()
    bus.subscribe('ask', () => void bus.publish('answer', 42))
    const definition = workflow<Questions>()('asking', { on: 'go' })
      .step('ask', ({ publish }) => void publish('ask', {}))
      .waitFor('answer', { event: 'answer', timeout: '1m' })
      .build()
    await runtime.register(definition)
    const asked = runtime.invoke('asking', 'go')
    await clock.settle()
    expect(await asked).toMatchObject({
      value: { status: 'succeeded', state: { answer: { kind: 'event', event: { payload: 42 } } } },
    })
  })
})

describe('what a run waits for', () => {
  it('is with any the first of its types, and with all one of each, in the order of the descriptor', async () => {
    const run = await ScriptedRun.start(openStand())
    await run.pause({ until: { events: ['a', 'b'] }, timeout: Infinity })
    await run.publish('b', 1)
    expect(run.lastResume).toBe(1)
    await run.pause({ until: { events: ['a', 'b', 'c'], mode: 'all' }, timeout: Infinity })
    for (const [type, n] of [
      ['c', 2],
      ['b', 3],
      ['c', 4],
    ] as const)
      await run.publish(type, n)
    expect(run.status).toBe('paused')
    await run.publish('a', 5)
    expect(run.legs.at(-1)).toMatchObject({ kind: 'events' })
    expect(run.lastResume).toEqual([5, 3, 2])
  })

  it('with all and conditions is one of each that fits', async () => {
    const run = await ScriptedRun.start(openStand(), { state: { key: 'k' } })
    await run.pause({
      until: { events: ['a', 'b'], mode: 'all', conditions: byKey.conditions! },
      timeout: Infinity,
    })
    for (const [type, key] of [
      ['a', 'other'],
      ['b', 'k'],
      ['a', 'k'],
    ] as const) {
      await run.publish(type, { type, key })
    }
    expect(run.lastResume).toEqual([
      { type: 'a', key: 'k' },
      { type: 'b', key: 'k' },
    ])
  })

  it('is, where the pause names nothing, what steps registered, even without an end', async () => {
    const run = await ScriptedRun.start(openStand())
    await run.register({ event: 'a' })
    await run.register({ event: 'b' })
    await run.pause({ timeout: Infinity })
    expect(run.stand.clock.pendingTimers).toBe(0)
    await run.publish('b', 1)
    expect(run.lastResume).toBe(1)
  })

  it('is what the pause names alone; what fits the watch of a step meanwhile is kept for later', async () => {
    const run = await ScriptedRun.start(openStand())
    await run.register(onA)
    await run.publish('a', 1)
    await run.pause({ until: { event: 'b' }, timeout: Infinity })
    await run.publish('a', 2)
    expect(run.status).toBe('paused')
    await run.publish('b', 3)
    await run.pause()
    await run.pause()
    expect(run.legs.map(short)).toEqual([undefined, 3, 1, 2])
  })

  it('is with the pause over: an until of the last pause ends nothing any more', async () => {
    const run = await ScriptedRun.start(openStand())
    await run.pause({ until: onA, timeout: Infinity })
    await run.publish('a', 1)
    expect(run.stand.bus.hasSubscribers('a')).toBe(false)
    await run.publish('a', 2)
    await run.pause({ until: onA, timeout: Infinity })
    expect(run.status).toBe('paused')
  })

  it('is for a stage that declares it known from the start of the pipeline', async () => {
    const { bus, clock, runtime } = openRuntime()
    let release = () => {}
    await runtime.register(
      defineWorkflow({
        id: 'w',
        triggers: { go: { event: 'go' } },
        pipelines: {
          main: {
            id: 'main',
            stages: [
              { id: 'slow', steps: { s: () => new Promise<void>((resolve) => (release = resolve)) } },
              { id: 'between' },
              {
                id: 'ask',
                watch: { event: 'reply' },
                where: ({ payload }: { payload: unknown }) => payload !== 'no',
                router: () => pause({ timeout: '1h', into: 'reply' }),
              },
            ],
          },
        },
      }),
    )
    const finished = runtime.invoke('w', 'go')
    await clock.settle()
    for (const reply of ['no', 'yes']) bus.publish('reply', reply)
    release()
    expect(await finished).toMatchObject({
      value: { status: 'succeeded', state: { reply: { event: { payload: 'yes' } } } },
    })
    expect(bus.hasSubscribers('reply')).toBe(false)
  })

  it('is not narrowed by a where that throws or promises: the run goes on waiting, and the fault is reported', async () => {
    const wheres = {
      throws: () => {
        throw new Error('oops')
      },
      promises: () => Promise.resolve(false) as unknown as boolean,
    }
    for (const where of Object.values(wheres)) {
      const run = await ScriptedRun.start(openStand(), { stage: { watch: onA, where } })
      const faults: unknown[] = []
      run.stand.bus.subscribe('bus:error', ({ payload }) => faults.push(payload))
      await run.publish('a', 'while it works')
      expect(faults).toEqual([])
      await run.pause()
      await run.publish('a', 'while it waits')
      expect([run.status, faults.length]).toEqual(['paused', 2])
    }
  })

  it('may be compared with what the step that asks writes only as it commits', async () => {
    const run = await ScriptedRun.start(openStand(), { state: { key: '' } })
    await run.register(byKey)
    await run.publish('a', { key: 'other' })
    await run.publish('a', { key: 'mine' })
    await run.pause({ timeout: Infinity }, { key: 'mine' })
    expect(run.lastResume).toEqual({ key: 'mine' })
  })

  it('may be narrowed by where to what the step that asks writes only as it commits', async () => {
    const { bus, clock, runtime } = openRuntime<Orders>()
    let commit = () => {}
    const definition = workflow<Orders>()('orders', { on: 'go', state: () => ({ orderId: '' }) })
      .step(
        'create',
        () => new Promise<{ orderId: string }>((resolve) => (commit = () => resolve({ orderId: 'o1' }))),
      )
      .waitFor('paid', {
        event: 'paid',
        where: ({ payload }, { orderId }) => payload === orderId,
        timeout: '1h',
      })
      .build()
    await runtime.register(definition)
    const finished = runtime.invoke('orders', 'go')
    await clock.settle()
    bus.publish('paid', 'o2')
    bus.publish('paid', 'o1')
    commit()
    expect(await finished).toMatchObject({
      value: { status: 'succeeded', state: { paid: { event: { payload: 'o1' } } } },
    })
  })

  it('with valueFrom follows a signal that changes the value while the run is parked', async () => {
    const run = await ScriptedRun.start(openStand(), { state: { key: 'old' } })
    await run.register(byKey)
    await run.pause()
    await run.stand.runtime.signal(run.runId, { key: 'new' })
    await run.publish('a', { key: 'old' })
    expect(run.status).toBe('paused')
    await run.publish('a', { key: 'new' })
    expect(run.lastResume).toEqual({ key: 'new' })
  })

  it('with valueFrom is found by a signal that brings the value after the event', async () => {
    const run = await ScriptedRun.start(openStand())
    await run.register(byKey)
    await run.pause()
    await run.publish('a', { key: 'k' })
    expect(run.status).toBe('paused')
    await run.stand.runtime.signal(run.runId, { key: 'k' })
    await run.stand.clock.settle()
    expect(run.lastResume).toEqual({ key: 'k' })
  })
})

describe('assign', () => {
  it('writes parts of the event into the state; without it the state is left alone', async () => {
    const run = await ScriptedRun.start(openStand(), { state: { n: 1 } })
    await run.pause({
      until: { event: 'a', assign: { 'by.name': 'approval.by', 'by.missing': 'never', at: 'n' } },
      timeout: Infinity,
    })
    await run.publish('a', { by: { name: 'Ada' }, at: null })
    expect(run.state).toEqual({ n: null, approval: { by: 'Ada' } })
    await run.pause({ until: onA, timeout: Infinity })
    await run.publish('a', { at: 3 })
    expect(run.state).toEqual({ n: null, approval: { by: 'Ada' } })
  })

  it('of the watch of a step that ended the pause counts, and with all of each event', async () => {
    const run = await ScriptedRun.start(openStand())
    await run.register({ event: 'a', assign: { n: 'fromA' } })
    await run.register({ events: ['b', 'c'], mode: 'all', assign: { b: 'fromB', c: 'fromC' } })
    await run.pause()
    await run.publish('a', { n: 1 })
    await run.pause()
    await run.publish('c', { c: 2 })
    await run.publish('b', { b: 3 })
    expect(run.state).toEqual({ fromA: 1, fromB: 3, fromC: 2 })
  })

  it('of what the state must not hold fails the run, which says so', async () => {
    const { bus, clock, runtime } = openRuntime()
    const isNumber = (value: unknown) => typeof (value as { n: unknown }).n === 'number'
    await runtime.register(
      defineWorkflow({
        id: 'w',
        triggers: { go: { event: 'go' } },
        pipelines: {
          main: {
            id: 'main',
            initialState: { n: 1 },
            schema: {
              '~standard': {
                version: 1,
                vendor: 'test',
                validate: (value) =>
                  isNumber(value) ? { value } : { issues: [{ message: 'n is no number' }] },
              },
            },
            stages: [
              {
                id: 'ask',
                router: () => pause({ until: { event: 'a', assign: { n: 'n' } }, timeout: Infinity }),
              },
            ],
          },
        },
      }),
    )
    const { runId } = (await runtime.invoke('w', 'go')).metadata
    bus.publish('a', { n: 'text' })
    await clock.settle()
    expect(runtime.watch('w', runId)).toMatchObject({ status: 'failed', error: { code: 'VALIDATION' } })
  })
})

describe('a buffer', () => {
  it.each([0, 1, 2])('of %s keeps the oldest, and the timeline counts what was lost', async (bufferLimit) => {
    const run = await ScriptedRun.start(openRecordedStand({ bufferLimit }))
    await run.register(onA)
    const ids: string[] = []
    for (const n of [1, 2, 3]) ids.push(run.stand.bus.publish('a', n).id)
    for (let pauses = 0; pauses <= bufferLimit; pauses++) await run.pause()
    expect(run.legs.map(short)).toEqual([undefined, ...[1, 2, 3].slice(0, bufferLimit)])
    expect(run.status).toBe('paused')
    const notes = await run.notes('watch:buffered')
    expect(notes).toHaveLength(3)
    expect(notes.slice(bufferLimit)).toMatchObject(
      ids.slice(bufferLimit).map((eventId, index) => ({ eventId, overflow: true, lost: index + 1 })),
    )
  })
})

describe('against each other', () => {
  it('resume and event: whoever is first ends the pause, the event is kept for the next, the caller is told', async () => {
    const run = await ScriptedRun.start(openStand())
    const { bus, runtime, clock } = run.stand
    await run.register(onA)
    await run.pause()
    void runtime.resume(run.runId)
    bus.publish('a', 1)
    await clock.settle()
    expect(run.lastResume).toBe('manual')
    await run.pause()
    expect(run.lastResume).toBe(1)
    await run.pause()
    bus.publish('a', 2)
    expect(await runtime.resume(run.runId)).toMatchObject({ ok: false, error: { code: 'INVALID_COMMAND' } })
    await clock.settle()
    expect(run.legs.map(short)).toEqual([undefined, 'manual', 1, 2])
  })

  it('abort and event: whoever is first, the run ends aborted once and takes no further event', async () => {
    for (const isAbortFirst of [true, false]) {
      const run = await ScriptedRun.start(openStand())
      const { bus, runtime, clock } = run.stand
      await run.register(onA)
      await run.pause()
      if (!isAbortFirst) bus.publish('a', 1)
      const aborted = runtime.abort(run.runId)
      if (isAbortFirst) bus.publish('a', 1)
      await clock.settle()
      expect(await aborted).toMatchObject({ ok: true, value: { status: 'aborted' } })
      expect([bus.hasSubscribers('a'), clock.pendingTimers]).toEqual([false, 0])
      // An event that came first may have let it begin to work again.
      expect(run.legs.length).toBeLessThanOrEqual(isAbortFirst ? 1 : 2)
    }
  })

  it('abort reaches a run that was resumed and waits for a slot, at once; the slot is not lost', async () => {
    const stand = openStand()
    const { bus, runtime, clock } = stand
    let letGo = () => {}
    const receipts: DispatchResult[] = []
    await runtime.register(
      defineWorkflow({
        id: 'w',
        triggers: { ask: { event: 'ask', pipeline: 'ask' }, work: { event: 'work', pipeline: 'work' } },
        pipelines: {
          ask: { id: 'ask', stages: [{ id: 'ask', router: () => pause({ until: onA, timeout: Infinity }) }] },
          work: {
            id: 'work',
            stages: [{ id: 'work', steps: { s: () => new Promise<void>((resolve) => (letGo = resolve)) } }],
          },
        },
      }),
      { mode: { type: 'transient', concurrency: 1 }, onDispatch: (receipt) => void receipts.push(receipt) },
    )
    bus.publish('ask', {})
    await clock.settle()
    bus.publish('work', {})
    await clock.settle()
    bus.publish('a', {})
    await clock.settle()
    const [asking, working] = receipts.map(({ runId }) => runId!)
    expect(await runtime.abort(asking!)).toMatchObject({ ok: true, value: { status: 'aborted' } })
    bus.publish('work', {})
    letGo()
    await clock.settle()
    expect(runtime.watch('w', working!)).toMatchObject({ status: 'succeeded' })
    expect(receipts.map(({ outcome }) => outcome)).toEqual(['started', 'started', 'queued', 'started'])
    letGo()
    await clock.settle()
    expect(runtime.dispatches().active).toEqual([])
  })
})
