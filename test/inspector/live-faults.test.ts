import { getEventListeners } from 'node:events'
import { describe, expect, it } from 'vitest'
import { MemoryTimelineStore, type SystemError } from 'busline'
import { httpSource, inspectorHandler } from '../../src/inspector/index.js'
import { LoadedRun } from '../../src/inspector/model/loaded-run.js'
import { RunWatch } from '../../src/inspector/run-watch.js'
import { readServerSentEvents } from '../../src/inspector/server-sent-events.js'
import { simulatedClock } from '../../src/testing/index.js'
import { batchOf, metaOf } from '../timeline/timeline-fixtures.js'

const LIVE = 'http://localhost/api/live'

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    (value) => `resolved: ${JSON.stringify(value)}`,
    (error: SystemError) => error.code,
  )
}

describe('a live stream', () => {
  it('is not opened for a reader that has gone already', async () => {
    const clock = simulatedClock()
    const handler = inspectorHandler({ store: new MemoryTimelineStore() }, { clock })
    for (let number = 0; number < 40; number++) {
      await handler(new Request(LIVE, { signal: AbortSignal.abort() }))
    }
    await clock.settle()
    expect(clock.pendingTimers).toBe(0)
    expect((await handler(new Request(LIVE))).status).toBe(200)
  })

  it('brings also a message that is larger than what may wait, and ends when the reader leaves that and more', async () => {
    const clock = simulatedClock()
    const store = new MemoryTimelineStore()
    const metadata = { note: 'x'.repeat(5_000_000) }
    await store.append([{ meta: metaOf('large', { metadata }), events: [] }])
    const handler = inspectorHandler({ store }, { clock })
    const first = readServerSentEvents((await handler(new Request(LIVE))).body!)
    const told = first.next()
    await clock.advance('1s')
    expect(await told).toMatchObject({ value: { type: 'runs' } })
    const slow = await handler(new Request(LIVE))
    // Told of it while it subscribes.
    const { status, body } = await handler(new Request(LIVE))
    expect(status).toBe(200)
    for await (const { data } of readServerSentEvents(body!)) {
      expect(data).toContain('large')
      break
    }
    await first.return(undefined)
    await store.append([{ meta: metaOf('large', { metadata, status: 'complete' }), events: [] }])
    await clock.advance('1m')
    expect(clock.pendingTimers).toBe(0)
    let events = 0
    for await (const _event of readServerSentEvents(slow.body!)) events++
    expect(events).toBe(1)
  })

  it('is opened again and again without leaving anything at its signal', async () => {
    const clock = simulatedClock()
    const left: number[] = []
    const source = httpSource('http://localhost', {
      clock,
      fetch: (_input, { signal } = {}) => {
        left.push(getEventListeners(signal!, 'abort').length)
        return Promise.reject(new TypeError('Failed to fetch'))
      },
    })
    const leave = source.watch({ changed: () => {} })
    await clock.advance('5m')
    leave()
    await clock.settle()
    expect(left.length).toBeGreaterThan(10)
    expect(Math.max(...left)).toBe(0)
    expect(clock.pendingTimers).toBe(0)
  })

  it('is not opened again when it is left while its fault is told', async () => {
    const clock = simulatedClock()
    const fetch = () => Promise.reject(new TypeError('Failed to fetch'))
    const leave = httpSource('http://localhost', { clock, fetch }).watch({
      changed: () => {},
      failed: () => leave(),
    })
    await clock.settle()
    expect(clock.pendingTimers).toBe(0)
  })
})

describe('RunWatch', () => {
  it('tells of all runs that began since the last time, however many', async () => {
    const clock = simulatedClock(1_000_000)
    const store = new MemoryTimelineStore()
    const begin = async (name: string, count: number) => {
      for (let index = 0; index < count; index++) {
        const runId = `${name}${String(index).padStart(4, '0')}`
        await store.append([
          { meta: metaOf(runId, { startTime: clock.now(), status: 'complete' }), events: [] },
        ])
      }
    }
    await begin('before', 300)
    const told: string[] = []
    new RunWatch(store, { clock }).subscribe({
      changed: (runs) => told.push(...runs.map(({ runId }) => runId)),
    })
    await clock.advance('1s')
    expect(told.splice(0)).toHaveLength(50)
    await begin('since', 600)
    await clock.advance('1s')
    const since = told.filter((runId) => runId.startsWith('since'))
    expect(since).toHaveLength(600)
    expect(new Set(since).size).toBe(600)
  })
})

describe('a run that is loaded', () => {
  it('loads also what came while a page was on its way, and was told of then', async () => {
    const store = new MemoryTimelineStore()
    await store.append([batchOf('r', 1, 10)])
    const told: Promise<void>[] = []
    const run = new LoadedRun(
      {
        getRunMeta: (runId) => store.getRunMeta(runId),
        getEvents: async (runId, from, to) => {
          const page = await store.getEvents(runId, from, to)
          if (from > 1) return page
          await store.append([
            batchOf('r', 11, 12, { status: 'complete', previousStatus: 'recording', endTime: 2_000 }),
          ])
          told.push(run.load(() => {}))
          return page
        },
      },
      'r',
    )
    await run.load(() => {})
    await Promise.all(told)
    expect(told).toHaveLength(1)
    expect(run.meta?.status).toBe('complete')
    expect(run.events).toHaveLength(12)
  })

  it('is told with NOT_FOUND when it is deleted while its events are read, not with an end', async () => {
    const store = new MemoryTimelineStore()
    await store.append([batchOf('r', 1, 10)])
    const getEvents = store.getEvents.bind(store)
    store.getEvents = async (...range) => {
      await store.deleteRun('r')
      return getEvents(...range)
    }
    const response = await inspectorHandler({ store })(
      new Request('http://localhost/api/runs/r/events?from=5'),
    )
    expect(response.status).toBe(404)
  })
})

describe('httpSource()', () => {
  const answering = (answer: () => Response) =>
    httpSource('http://localhost', { fetch: () => Promise.resolve(answer()) })

  it.each([
    ['is no JSON', () => new Response('<h1>A page</h1>')],
    ['is no object', () => new Response('null')],
    [
      'breaks off',
      () => new Response(new ReadableStream({ pull: (controller) => controller.error(new Error('cut')) })),
    ],
  ])('says UNAVAILABLE of an answer that %s', async (_case, answer) => {
    const source = answering(answer)
    expect(await codeOf(source.listRuns())).toBe('UNAVAILABLE')
    expect(await codeOf(source.getEvents('r', 1, 2))).toBe('UNAVAILABLE')
    expect(await codeOf(source.capabilities())).toBe('UNAVAILABLE')
  })

  it.each(['', '.', '..', '\ud800'])('refuses the id %j, which has no form in a path', async (runId) => {
    const source = answering(() => new Response('{}'))
    expect(await codeOf(source.getRunMeta(runId))).toBe('VALIDATION')
    expect(await codeOf(source.getEvents(runId, 1, 2))).toBe('VALIDATION')
    expect(await codeOf(source.command(runId, { type: 'abort' }))).toBe('VALIDATION')
  })

  it('lists runs page by page whose ids have ten thousand characters, or some that no path has', async () => {
    const store = new MemoryTimelineStore()
    const ids = ['%', 'a/b', '?x#y', 'ä\u{1F600}', '\0', '\ud800', '..', 'x'.repeat(10_000)]
    for (const runId of ids) await store.append([batchOf(runId, 1, 1)])
    const handler = inspectorHandler({ store })
    const source = httpSource('http://localhost', {
      fetch: (input, init) => handler(new Request(input, init)),
    })
    const seen: string[] = []
    let cursor: string | undefined
    do {
      const page = await source.listRuns({ limit: 1, ...(cursor === undefined ? {} : { cursor }) })
      seen.push(...page.runs.map(({ runId }) => runId))
      cursor = page.cursor
    } while (cursor !== undefined)
    expect([...seen].sort()).toEqual([...ids].sort())
    for (const runId of ids.filter((id) => id !== '..' && id !== '\ud800')) {
      expect(await source.getRunMeta(runId)).toMatchObject({ runId })
      expect(await source.getEvents(runId, 1, 5)).toMatchObject([{ runId }])
    }
  })
})
