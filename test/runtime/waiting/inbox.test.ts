import { describe, expect, it } from 'vitest'
import type { WatchDescriptor } from 'busline'
import { FakePipeline } from './fake-pipeline.js'

const onA: WatchDescriptor = { event: 'a' }
const byId: WatchDescriptor = { event: 'a', conditions: [{ field: 'id', op: '==', valueFrom: 'id' }] }

describe('an inbox', () => {
  it('keeps what fits from register on, and gives the oldest to the pause', () => {
    const run = new FakePipeline()
    run.bus.publish('a', 0)
    run.register(onA)
    for (const n of [1, 2]) run.bus.publish('a', n)
    run.pause()
    expect([run.took, run.keeps]).toEqual([[1], [2]])
    run.pause()
    run.pause()
    expect([run.took, run.isPaused]).toEqual([[1, 2], true])
    run.bus.publish('a', 3)
    expect(run.took).toEqual([1, 2, 3])
  })

  it('lets no event end a pause that is not committed, and gives it to the pause when it is', () => {
    const run = new FakePipeline()
    run.beginToPause({ until: onA, timeout: Infinity })
    run.bus.publish('a', 1)
    expect(run.took).toEqual([])
    run.inbox.park()
    expect(run.took).toEqual([1])
  })

  it('ends the watch of a pause with the pause, and drops what was kept for it alone', () => {
    const run = new FakePipeline()
    run.pause({ until: { events: ['a', 'b'], mode: 'all' }, timeout: Infinity })
    run.bus.publish('a', 1)
    run.goOn({ kind: 'timeout' })
    expect([run.keeps, run.bus.hasSubscribers('a')]).toEqual([[], false])
  })

  it('counts each event against the limit but those that a wait for all has need of', () => {
    const run = new FakePipeline({ bufferLimit: 0 })
    run.pause({ until: { events: ['a', 'b'], mode: 'all' }, timeout: Infinity })
    run.bus.publish('b', 1)
    run.bus.publish('b', 2)
    run.bus.publish('a', 3)
    expect(run.took).toEqual([[3, 1]])
    expect(run.notes.filter(({ overflow }) => overflow)).toMatchObject([
      { note: 'watch:buffered', type: 'b', lost: 1 },
    ])
  })

  it('keeps the order events came in when a wait for all ends without all', () => {
    const run = new FakePipeline()
    run.register({ event: 'x' })
    run.register({ events: ['a', 'b'], mode: 'all' })
    run.beginToPause()
    run.inbox.park()
    run.bus.publish('b', 1)
    run.bus.publish('x', 2)
    expect([run.took, run.keeps]).toEqual([[2], [1]])
    run.bus.publish('x', 3)
    run.bus.publish('a', 4)
    run.pause()
    expect(run.took).toEqual([2, 3])
    run.pause()
    expect(run.took).toEqual([2, 3, [4, 1]])
  })

  it('gives a wait that many watches end the event that completes one of them first', () => {
    const run = new FakePipeline()
    run.register({ events: ['a', 'b'], mode: 'all' })
    run.register({ event: 'c' })
    for (const [type, n] of [
      ['a', 1],
      ['c', 2],
      ['b', 3],
    ] as const) {
      run.bus.publish(type, n)
    }
    run.pause()
    run.pause()
    expect(run.took).toEqual([2, [1, 3]])
  })

  it('lets a watch for one have the event that a watch for all collects too', () => {
    const run = new FakePipeline()
    run.register({ events: ['a', 'b'], mode: 'all' })
    run.register({ event: 'a', conditions: [{ field: 'now', op: '==', value: true }] })
    run.pause()
    run.bus.publish('a', { now: true })
    expect(run.took).toEqual([{ now: true }])
  })

  it('keeps while it works what the state speaks against, since a step may be about to write the value', () => {
    const run = new FakePipeline({ state: { id: '' } })
    run.register(byId)
    run.bus.publish('a', { id: 'other' })
    run.bus.publish('a', { id: 'mine' })
    run.state = { id: 'mine' }
    run.pause()
    expect([run.took, run.keeps]).toEqual([[{ id: 'mine' }], [{ id: 'other' }]])
    run.pause()
    expect(run.keeps).toEqual([])
  })

  it('decides at once while it is parked, when the state stands still', () => {
    const run = new FakePipeline({ state: { id: 1 } })
    run.register(byId)
    run.pause()
    run.bus.publish('a', { id: 2 })
    run.setState({ id: 2 })
    expect(run.isPaused).toBe(true)
    run.bus.publish('a', { id: 1 })
    run.bus.publish('a', { id: 2 })
    expect(run.took).toEqual([{ id: 2 }])
  })

  it('keeps while it is parked what hangs on a value that is not there, until it is', () => {
    const run = new FakePipeline()
    run.register(byId)
    run.pause()
    run.bus.publish('a', { id: 1 })
    run.bus.publish('a', { id: 2 })
    run.setState({ other: true })
    expect(run.keeps).toHaveLength(2)
    run.setState({ id: 2 })
    expect([run.took, run.keeps]).toEqual([[{ id: 2 }], [{ id: 1 }]])
  })

  it('leaves what is for another pause to that pause', () => {
    const run = new FakePipeline({
      state: { id: 0 },
      stageWatches: [{ stageId: 'second', descriptor: byId }],
    })
    run.bus.publish('a', { id: 1 })
    run.pause({ until: { event: 'b' }, timeout: Infinity }, 'first')
    run.bus.publish('b', 'go')
    run.state = { id: 1 }
    run.pause({ timeout: Infinity }, 'second')
    expect(run.took).toEqual(['go', { id: 1 }])
  })

  it('makes room for what fits by dropping the newest that only may come to, and counts both kinds of loss', () => {
    const run = new FakePipeline({ bufferLimit: 2, state: { id: 1 } })
    run.register(byId)
    for (const [id, n] of [
      [7, 1],
      [8, 2],
      [9, 3],
      [1, 4],
      [1, 5],
      [1, 6],
    ]) {
      run.bus.publish('a', { id, n })
    }
    expect(run.keeps).toEqual([
      { id: 1, n: 4 },
      { id: 1, n: 5 },
    ])
    const lost = run.notes.filter(({ overflow }) => overflow)
    expect(lost.map((note) => note['lost'])).toEqual([1, 2, 3, 4])
  })

  it.each([0, 1, 2])('keeps the %s oldest events when it may keep no more', (bufferLimit) => {
    const run = new FakePipeline({ bufferLimit })
    run.register(onA)
    for (const n of [1, 2, 3]) run.bus.publish('a', n)
    expect(run.keeps).toEqual([1, 2, 3].slice(0, bufferLimit))
    for (let pauses = 0; pauses <= bufferLimit; pauses++) run.pause()
    expect(run.isPaused).toBe(true)
    run.bus.publish('a', 4)
    expect(run.took.at(-1)).toBe(4)
  })

  it('takes an event once, however often it comes', () => {
    const run = new FakePipeline()
    run.register(onA)
    const event = run.bus.publish('a', 1)
    run.bus.dispatch(event)
    expect(run.keeps).toEqual([1])
    run.pause()
    run.bus.dispatch(event)
    run.pause()
    run.bus.dispatch(event)
    expect([run.took, run.isPaused]).toEqual([[1], true])
  })

  it('never takes the event that started the run', () => {
    const run = new FakePipeline()
    run.pause({ until: onA, timeout: Infinity })
    run.bus.publish('a', 1, { id: 'start' })
    expect(run.isPaused).toBe(true)
  })

  it('keeps everything for later while a stage that failed waits for a person', () => {
    const run = new FakePipeline()
    run.register(onA)
    run.bus.publish('a', 1)
    run.wait = { kind: 'exhausted', stageId: 'work', since: 0 }
    run.inbox.pausing()
    run.inbox.park()
    run.bus.publish('a', 2)
    expect([run.took, run.keeps]).toEqual([[], [1, 2]])
    run.goOn({ kind: 'manual' })
    run.pause()
    expect(run.took).toEqual(['manual', 1])
  })

  it('drops with a cancelled watch what no other wants', () => {
    const run = new FakePipeline()
    const one = run.register({ events: ['a', 'b'] })
    run.register({ events: ['b', 'c'] })
    for (const type of ['a', 'b', 'c']) run.bus.publish(type, type)
    expect(run.inbox.cancel(one)).toBe(true)
    expect([run.keeps, run.bus.hasSubscribers('a')]).toEqual([['b', 'c'], false])
    expect(run.inbox.cancel(one)).toBe(false)
  })

  it('does not let a step cancel what a stage or a pause watches', () => {
    const run = new FakePipeline({ stageWatches: [{ stageId: 's', descriptor: onA }] })
    run.pause({ until: { event: 'b' }, timeout: Infinity })
    for (const { id } of run.inbox.watches) expect(run.inbox.cancel(id)).toBe(false)
  })

  it('knows a descriptor again however it is written down', () => {
    const run = new FakePipeline()
    const condition = { field: 'x', op: '==', value: 1 } as const
    const id = run.register({ event: 'a', conditions: [condition], assign: { x: 'y', z: 'w' } })
    const same: WatchDescriptor = {
      assign: { z: 'w', x: 'y' },
      mode: 'any',
      conditions: [{ value: 1, op: '==', field: 'x' }],
      events: ['a'],
    }
    expect(run.register(same)).toBe(id)
    const others: WatchDescriptor[] = [
      { ...same, mode: 'all' },
      { ...same, events: ['a', 'b'] },
      { ...same, conditions: [] },
      { ...same, conditions: [{ ...condition, value: '1' }] },
      { ...same, assign: {} },
    ]
    expect(new Set(others.map((each) => run.register(each)))).toHaveLength(others.length)
  })

  it('tells the timeline what was registered, kept and taken, each event as kept once', () => {
    const run = new FakePipeline({ state: { id: 1 } })
    const watchId = run.register(byId)
    run.register({ event: 'never' })
    const one = run.bus.publish('a', { id: 1 })
    const two = run.bus.publish('a', { id: 2 })
    run.state = { id: 2 }
    run.pause()
    run.pause()
    run.goOn({ kind: 'timeout' })
    expect(run.notes.map(({ note, eventId, eventIds }) => [note, eventId ?? eventIds])).toEqual([
      ['watch:registered', undefined],
      ['watch:registered', undefined],
      ['watch:buffered', one.id],
      ['watch:matched', [two.id]],
      ['watch:timeout', undefined],
    ])
    expect(run.notes[3]).toMatchObject({ watchId })
  })

  it('lets go of the bus when it is closed', () => {
    const run = new FakePipeline({ stageWatches: [{ stageId: 's', descriptor: onA }] })
    run.register({ event: 'b' })
    run.inbox.close()
    expect([run.bus.hasSubscribers('a'), run.bus.hasSubscribers('b')]).toEqual([false, false])
  })

  it('asks where while it works, again when it pauses, and takes a throw for not yet', () => {
    const run = new FakePipeline({
      stageWatches: [{ stageId: 's', descriptor: onA }],
      where: ({ payload }, { order }: { order: { id: unknown } }) =>
        order.id === (payload as { id: unknown }).id,
    })
    run.bus.publish('a', { id: 1 })
    expect(run.faults).toEqual([])
    run.pause({ timeout: Infinity }, 's')
    expect(run.isPaused).toBe(true)
    // Now that the run hangs on it, somebody must hear of it.
    expect(run.faults).toMatchObject([{ name: 'TypeError' }])
    run.setState({ order: { id: 1 } })
    expect(run.took).toEqual([{ id: 1 }])
  })
})
