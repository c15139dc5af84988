import { describe, expect, it } from 'vitest'
import { MemoryTimelineStore, type RunTimelineMeta, type SystemError } from 'busline'
import {
  type InspectorHandlerOptions,
  type InspectorSource,
  httpSource,
  inspectorHandler,
  timelineSource,
} from '../../src/inspector/index.js'
import { RunWatch } from '../../src/inspector/run-watch.js'
import { simulatedClock } from '../../src/testing/index.js'
import { metaOf } from '../timeline/timeline-fixtures.js'
import { recordDay } from './recorded-day.js'

const TOKEN = 'correct horse battery staple'

/** A source that asks a handler without a network between them. */
function connect(handler: (request: Request) => Promise<Response>, token?: string): InspectorSource {
  const clock = simulatedClock()
  return httpSource('http://localhost/inspector/', {
    fetch: (input, init) => handler(new Request(input, init)),
    clock,
    ...(token === undefined ? {} : { token }),
  })
}

async function openSources(options: InspectorHandlerOptions = {}) {
  const day = await recordDay()
  const { timelineStore: store, runtime, clock } = day
  const handler = inspectorHandler({ store, runtime }, { basePath: '/inspector', clock, ...options })
  return {
    ...day,
    store,
    near: timelineSource(store, { runtime, clock }),
    far: connect(handler, options.token),
  }
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    (value) => `resolved: ${JSON.stringify(value)}`,
    (error: SystemError) => error.code,
  )
}

describe('httpSource()', () => {
  it('tells what the source in the process tells', async () => {
    const { near, far, ended } = await openSources()
    for (const ask of [
      (source: InspectorSource) => source.listRuns({ status: 'complete', limit: 10 }),
      (source: InspectorSource) => source.getRunMeta(ended.runId),
      (source: InspectorSource) => source.getEvents(ended.runId, 1, 1000),
      (source: InspectorSource) => source.dispatches({ limit: 10 }),
      (source: InspectorSource) => source.workflows(),
      (source: InspectorSource) => source.getRunMeta('nobody'),
    ]) {
      expect(await ask(far)).toEqual(await ask(near))
    }
  })

  it('sends the token and gives commands', async () => {
    const { far, waiting, runtime } = await openSources({ token: TOKEN, allowControl: true })
    expect(await far.capabilities()).toEqual({ hasRuntime: true, canControl: true })
    await far.command(waiting.runId, { type: 'abort', reason: 'enough' })
    expect(runtime.watch('orders', waiting.runId)?.status).toBe('aborted')
    expect(await codeOf(far.command(waiting.runId, { type: 'resume' }))).toBe('INVALID_COMMAND')
  })

  it('rejects with what the server said, or that there is none', async () => {
    const { far } = await openSources()
    expect(await codeOf(far.listRuns({ limit: 9999 }))).toBe('VALIDATION')
    expect(await codeOf(connect(() => Promise.reject(new TypeError('Failed to fetch'))).listRuns())).toBe(
      'UNAVAILABLE',
    )
    const strange = connect(() => Promise.resolve(new Response('<h1>Bad gateway</h1>', { status: 502 })))
    expect(await codeOf(strange.listRuns())).toBe('UNAVAILABLE')
    const closed = connect(() => Promise.resolve(new Response('no', { status: 401 })))
    expect(await codeOf(closed.listRuns())).toBe('UNAUTHORIZED')
  })

  it('follows the live stream until nobody listens any more', async () => {
    const { far, clock, bus } = await openSources()
    const seen: string[] = []
    let heard = () => {}
    const next = () => new Promise<void>((resolve) => (heard = resolve))
    const first = next()
    const unwatch = far.watch({
      changed: (runs) => {
        seen.push(runs.map(({ workflowId, status }) => `${workflowId} ${status}`).join(', '))
        heard()
      },
    })
    await first
    const second = next()
    bus.publish('order:approved', {})
    await clock.advance('1s')
    await second
    expect(seen[0]).toBe('orders paused, orders complete')
    expect(seen[1]).toContain('orders complete')
    unwatch()
    await clock.settle()
    await clock.advance('1m')
    expect(seen.length).toBeLessThan(5)
  })
})

describe('RunWatch', () => {
  it('tells of each change once, asks only while somebody listens, and of faults', async () => {
    const clock = simulatedClock()
    const store = new MemoryTimelineStore()
    const put = (meta: Partial<RunTimelineMeta> & { runId: string }) =>
      store.append([{ meta: metaOf(meta.runId, meta), events: [] }])
    for (let index = 0; index < 60; index++) await put({ runId: `r${index}`, startTime: index })
    const watch = new RunWatch(store, { clock })
    const told: string[] = []
    const unwatch = watch.subscribe({
      changed: (runs) => told.push(runs.map(({ runId, status }) => `${runId} ${status}`).join()),
      failed: ({ code }) => told.push(code),
    })
    await clock.settle()
    expect(told.splice(0)[0]!.split(',')).toHaveLength(50)
    await clock.advance('2s')
    expect(told).toEqual([])
    await put({ runId: 'r59', startTime: 59, status: 'complete' })
    await clock.advance('500ms')
    expect(told.splice(0)).toEqual(['r59 complete'])
    store.listRuns = () => Promise.reject(new Error('gone'))
    await clock.advance('500ms')
    expect(told.splice(0)).toEqual(['UNAVAILABLE'])
    unwatch()
    expect(clock.pendingTimers).toBe(0)
  })

  it('notices the end of a run that is no longer among the newest', async () => {
    const clock = simulatedClock()
    const store = new MemoryTimelineStore()
    await store.append([{ meta: metaOf('old', { startTime: 0 }), events: [] }])
    const watch = new RunWatch(store, { clock })
    const told: string[] = []
    watch.subscribe({
      changed: (runs) => told.push(...runs.map(({ runId, status }) => `${runId} ${status}`)),
    })
    await clock.settle()
    for (let index = 0; index < 60; index++) {
      await store.append([
        { meta: metaOf(`r${index}`, { startTime: 10 + index, status: 'complete' }), events: [] },
      ])
    }
    await clock.advance('500ms')
    await store.append([{ meta: metaOf('old', { startTime: 0, status: 'failed' }), events: [] }])
    await clock.advance('500ms')
    expect(told.at(-1)).toBe('old failed')
  })
})

describe('timelineSource()', () => {
  it('only looks when told so', async () => {
    const { store, runtime, waiting } = await openSources()
    const source = timelineSource(store, { runtime, allowControl: false })
    expect(await source.capabilities()).toEqual({ hasRuntime: true, canControl: false })
    expect(await codeOf(source.command(waiting.runId, { type: 'abort' }))).toBe('UNAUTHORIZED')
  })

  it('says what it lacks without a runtime', async () => {
    const source = timelineSource(new MemoryTimelineStore())
    expect(await codeOf(source.dispatches({}))).toBe('UNAVAILABLE')
    expect(await codeOf(source.command('r', { type: 'abort' }))).toBe('UNAVAILABLE')
    expect(await source.workflows()).toEqual([])
    expect(() => timelineSource(new MemoryTimelineStore(), { intervalMs: 1 })).toThrow(/at least 50/)
  })
})
