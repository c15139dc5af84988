import { describe, expect, it } from 'vitest'
import { MemoryTimelineStore, SystemError, type TimelineEvent } from 'busline'
import { type InspectorHandlerOptions, inspectorHandler } from '../../src/inspector/index.js'
import { batchOf, metaOf } from '../timeline/timeline-fixtures.js'
import { recordDay } from './recorded-day.js'

const TOKEN = 'correct horse battery staple'
const HOST = 'http://localhost:4000'

async function openHandler(options: InspectorHandlerOptions = {}) {
  const day = await recordDay()
  const handler = inspectorHandler(
    { store: day.timelineStore, runtime: day.runtime },
    { clock: day.clock, ...options },
  )
  const get = (path: string, init?: RequestInit) => handler(new Request(`${HOST}/${path}`, init))
  const getJson = async (path: string) => (await (await get(path)).json()) as Record<string, never>
  return { ...day, handler, get, getJson }
}

function post(body: unknown, headers: Record<string, string> = {}): RequestInit {
  return {
    method: 'POST',
    body: typeof body === 'string' ? body : JSON.stringify(body),
    headers: { 'content-type': 'application/json', authorization: `Bearer ${TOKEN}`, ...headers },
  }
}

const codeOf = async (response: Response) => {
  const { error } = (await response.json()) as { error: { code: string; message: string } }
  return `${response.status} ${error.code}`
}

describe('inspectorHandler()', () => {
  it('tells of runs, one run, its events, its state, receipts and workflows', async () => {
    const { getJson, ended } = await openHandler()
    expect(await getJson('api/capabilities')).toEqual({ hasRuntime: true, canControl: false })
    expect((await getJson('api/runs?workflowId=orders'))['runs']).toHaveLength(2)
    expect(await getJson(`api/runs/${ended.runId}`)).toMatchObject({
      status: 'complete',
      workflowId: 'orders',
    })
    const { events } = await getJson(`api/runs/${ended.runId}/events?from=2&to=3`)
    expect(events).toMatchObject([{ seq: 2 }, { seq: 3 }])
    expect(await getJson(`api/runs/${ended.runId}/state?seq=1`)).toMatchObject({ seq: 1, state: { n: 0 } })
    const { counts, queued, active } = await getJson('api/dispatches?workflowId=orders')
    expect(counts).toMatchObject({ started: 2, queued: 1, dropped: 1 })
    expect(queued).toBe(1)
    expect(active).toMatchObject([{ key: 'Bram', queued: 1 }])
    expect((await getJson('api/workflows'))['workflows']).toMatchObject([
      { workflowId: 'orders', mode: 'serialized' },
    ])
  })

  it('pages events by number and by bytes, and says where to go on', async () => {
    const store = new MemoryTimelineStore()
    await store.append([batchOf('many', 1, 4500)])
    const fat: TimelineEvent[] = Array.from({ length: 3 }, (_, index) => ({
      runId: 'fat',
      seq: index + 1,
      timestamp: 1,
      source: 'store',
      type: 'state:commit',
      payload: {},
      snapshot: { text: 'x'.repeat(3_000_000) },
    }))
    await store.append([{ meta: metaOf('fat', { eventCount: 3, snapshotSeqs: [1, 2, 3] }), events: fat }])
    const handler = inspectorHandler({ store })
    const page = async (path: string) => {
      const body = await (await handler(new Request(`${HOST}/api/runs/${path}`))).json()
      return body as { events: unknown[]; next?: number }
    }
    expect(await page('many/events')).toMatchObject({ next: 2001 })
    expect((await page('many/events?from=4001')).events).toHaveLength(500)
    expect((await page('many/events?from=4001')).next).toBeUndefined()
    expect((await page('many/events?from=4501')).events).toEqual([])
    const first = await page('fat/events')
    expect([first.events.length, first.next]).toEqual([1, 2])
  })

  it.each([
    ['api/runs/nobody', '404 NOT_FOUND'],
    ['api/runs/nobody/events', '404 NOT_FOUND'],
    ['api/runs/nobody/state', '404 NOT_FOUND'],
    ['api/runs/RUN/state?seq=100000', '404 NOT_FOUND'],
    ['api/runs/RUN/state?seq=-1', '400 VALIDATION'],
    ['api/runs/RUN/state?seq=1.5', '400 VALIDATION'],
    ['api/runs/RUN/events?from=100000', '404 NOT_FOUND'],
    ['api/runs/RUN/events?from=0', '400 VALIDATION'],
    ['api/runs/RUN/events?from=', '400 VALIDATION'],
    ['api/runs?limit=501', '400 VALIDATION'],
    ['api/runs?limit=0', '400 VALIDATION'],
    ['api/runs?status=happy', '400 VALIDATION'],
    ['api/runs?cursor=nonsense', '400 VALIDATION'],
    ['api/runs?cursor=', '400 VALIDATION'],
    [`api/runs?cursor=${'x'.repeat(12_001)}`, '400 VALIDATION'],
    ['api/dispatches?limit=1001', '400 VALIDATION'],
    ['api/runs/%ff', '400 VALIDATION'],
    ['api/nothing', '404 NOT_FOUND'],
    ['api/runs/RUN/events/more', '404 NOT_FOUND'],
    ['api/runs/RUN/state/more', '404 NOT_FOUND'],
    ['../etc/passwd', '404 NOT_FOUND'],
    ['', '404 NOT_FOUND'],
  ])('answers %s with %s, as JSON', async (path, expected) => {
    const { get, ended } = await openHandler()
    const response = await get(path.replace('RUN', ended.runId))
    expect(response.headers.get('content-type')).toContain('application/json')
    expect(await codeOf(response)).toBe(expected)
  })

  it('says so when a newer Busline has written the store, and keeps causes and stacks to itself', async () => {
    const store = new MemoryTimelineStore()
    store.listRuns = () => Promise.reject(new SystemError('VERSION_MISMATCH', 'A newer Busline stored it'))
    store.getRunMeta = () => Promise.reject(new Error('The disk is gone', { cause: new Error('deep') }))
    const handler = inspectorHandler({ store })
    expect(await codeOf(await handler(new Request(`${HOST}/api/runs`)))).toBe('409 VERSION_MISMATCH')
    const text = await (await handler(new Request(`${HOST}/api/runs/r`))).text()
    expect(text).toContain('UNAVAILABLE')
    expect(text).not.toContain('stack')
    expect(text).not.toContain('deep')
  })

  it('answers without a runtime what only a runtime knows with UNAVAILABLE', async () => {
    const handler = inspectorHandler({ store: new MemoryTimelineStore() })
    expect(await codeOf(await handler(new Request(`${HOST}/api/dispatches`)))).toBe('503 UNAVAILABLE')
    expect(await (await handler(new Request(`${HOST}/api/workflows`))).json()).toEqual({ workflows: [] })
  })

  it('sends no CORS headers, forbids sniffing and storing', async () => {
    const { get } = await openHandler()
    const { headers } = await get('api/runs', { headers: { origin: 'https://evil.example' } })
    expect([...headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([])
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('cache-control')).toBe('no-store')
  })

  it('serves a page that runs scripts of its own only', async () => {
    const { get } = await openHandler({ script: () => Promise.resolve('export {}'), token: TOKEN })
    const page = await get('')
    expect(page.headers.get('content-security-policy')).toMatch(/default-src 'none'; script-src 'self'/)
    expect(await page.text()).toContain('src="inspector.js"')
    expect(await (await get('inspector.js')).text()).toBe('export {}')
  })

  it('lives below a path', async () => {
    const { handler } = await openHandler({ basePath: '/tools/inspector/' })
    expect((await handler(new Request(`${HOST}/tools/inspector/api/runs`))).status).toBe(200)
    const moved = await handler(new Request(`${HOST}/tools/inspector?run=x`))
    expect([moved.status, moved.headers.get('location')]).toEqual([308, '/tools/inspector/?run=x'])
    expect((await handler(new Request(`${HOST}/api/runs`))).status).toBe(404)
  })
})

describe('access to inspectorHandler()', () => {
  it('refuses to be made in a way that would leave runs open to everybody', () => {
    const store = new MemoryTimelineStore()
    expect(() => inspectorHandler({ store }, { allowControl: true })).toThrow(/needs a "token"/)
    expect(() => inspectorHandler({ store }, { token: 'short' })).toThrow(/at least 16 characters/)
  })

  it('answers without a token on this machine only', async () => {
    const handler = inspectorHandler({ store: new MemoryTimelineStore() })
    const status = async (host: string) => (await handler(new Request(`http://${host}/api/runs`))).status
    expect(await status('127.0.0.1:1')).toBe(200)
    expect(await status('[::1]:1')).toBe(200)
    expect(await status('app.localhost')).toBe(200)
    expect(await status('evil.example')).toBe(403)
    expect(await status('127.0.0.1.evil.example')).toBe(403)
  })

  it('asks for the token where there is one', async () => {
    const { get } = await openHandler({ token: TOKEN })
    const missing = await get('api/runs')
    expect(missing.headers.get('www-authenticate')).toBe('Bearer')
    expect(await codeOf(missing)).toBe('401 UNAUTHORIZED')
    expect(await codeOf(await get('api/runs', { headers: { authorization: `Bearer ${TOKEN}x` } }))).toBe(
      '401 UNAUTHORIZED',
    )
    expect(await codeOf(await get('api/live', { headers: { authorization: 'Basic abc' } }))).toBe(
      '401 UNAUTHORIZED',
    )
    expect((await get('api/runs', { headers: { authorization: `Bearer ${TOKEN}` } })).status).toBe(200)
  })

  it('carries out commands only where that is allowed', async () => {
    const looking = await openHandler({ token: TOKEN })
    const path = `api/runs/${looking.waiting.runId}/abort`
    expect(await codeOf(await looking.get(path, post({})))).toBe('403 UNAUTHORIZED')
    expect(looking.runtime.watch('orders', looking.waiting.runId)?.status).toBe('paused')
    const acting = await openHandler({ token: TOKEN, allowControl: true })
    expect(await codeOf(await acting.get(path, { ...post({}), headers: {} }))).toBe('401 UNAUTHORIZED')
    expect(await codeOf(await acting.get(`${path}/more`, post({})))).toBe('404 NOT_FOUND')
    expect((await acting.get(path, post({ reason: 'enough' }))).status).toBe(202)
    expect(acting.runtime.watch('orders', acting.waiting.runId)).toMatchObject({ status: 'aborted' })
    expect(await codeOf(await acting.get(path, post({})))).toBe('409 INVALID_COMMAND')
  })

  it('resumes and signals', async () => {
    const { get, runtime, waiting, clock } = await openHandler({ token: TOKEN, allowControl: true })
    expect((await get(`api/runs/${waiting.runId}/signal`, post({ patch: { note: 'soon' } }))).status).toBe(
      202,
    )
    expect(runtime.watch('orders', waiting.runId)?.state).toMatchObject({ note: 'soon' })
    expect((await get(`api/runs/${waiting.runId}/resume`, post({ patch: { done: true } }))).status).toBe(202)
    await clock.settle()
    expect(runtime.watch('orders', waiting.runId)).toMatchObject({
      status: 'succeeded',
      state: { done: true },
    })
  })

  it.each([
    ['RUN/signal', post({}), '400 VALIDATION'],
    ['RUN/signal', post({ patch: [1] }), '400 VALIDATION'],
    ['RUN/resume', post('{"patch":'), '400 VALIDATION'],
    ['RUN/abort', post({ reason: 5 }), '400 VALIDATION'],
    [
      'RUN/abort',
      post('reason=x', { 'content-type': 'application/x-www-form-urlencoded' }),
      '400 VALIDATION',
    ],
    ['RUN/abort', { headers: { authorization: `Bearer ${TOKEN}` } }, '409 INVALID_COMMAND'],
    ['RUN/signal', post({ patch: { text: 'x'.repeat(1_000_001) } }), '429 CAPACITY'],
    ['nobody/abort', post({}), '404 NOT_FOUND'],
  ])('refuses a command it cannot make out: %s %#', async (path, init, expected) => {
    const { get, waiting, runtime } = await openHandler({ token: TOKEN, allowControl: true })
    expect(await codeOf(await get(`api/runs/${path.replace('RUN', waiting.runId)}`, init))).toBe(expected)
    expect(runtime.watch('orders', waiting.runId)?.status).toBe('paused')
  })
})
