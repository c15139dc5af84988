import { type RequestOptions, request } from 'node:http'
import { describe, expect, it } from 'vitest'
import { MemoryTimelineStore } from 'busline'
import { BuslineInspector, defineInspector, httpSource } from '../../src/inspector/index.js'
import { serveInspector } from '../../src/inspector/node/index.js'
import { batchOf } from '../timeline/timeline-fixtures.js'

const TOKEN = 'correct horse battery staple'
const script = () => Promise.resolve('export {}')

/** A request as no browser would send it. */
const statusOf = (options: RequestOptions) =>
  new Promise<number>((resolve, reject) => {
    request(options, (response) => {
      response.resume()
      resolve(response.statusCode!)
    })
      .on('error', reject)
      .end()
  })

describe('serveInspector()', () => {
  it('answers over HTTP, with the token in a part of the address that is not sent', async () => {
    const store = new MemoryTimelineStore()
    await store.append([batchOf('r', 1, 20)])
    await using server = await serveInspector({ store }, { token: TOKEN, script })
    const { origin, hash } = new URL(server.url)
    expect(decodeURIComponent(hash)).toBe(`#token=${TOKEN}`)
    expect(await httpSource(origin, { token: TOKEN }).getEvents('r', 3, 4)).toMatchObject([
      { seq: 3 },
      { seq: 4 },
    ])
    expect((await fetch(`${origin}/api/runs`)).status).toBe(401)
    expect(await (await fetch(origin)).text()).toContain('<title>Busline inspector</title>')
  })

  it.each(['', 'evil.example', 'localhost/..', 'localhost?', 'evil.example@localhost'])(
    'shows nothing to a request without a token that is addressed to %j',
    async (host) => {
      await using server = await serveInspector({ store: new MemoryTimelineStore() }, { script })
      const { port, hostname } = new URL(server.url)
      // What stands first in the path must not be taken for the host that is missing.
      for (const path of ['/localhost/api/runs', '/api/runs']) {
        expect(
          await statusOf({ port, host: hostname, path, headers: { host }, setHost: false }),
        ).toBeGreaterThanOrEqual(400)
      }
    },
  )

  it('takes commands with a body', async () => {
    await using server = await serveInspector(
      { store: new MemoryTimelineStore() },
      { token: TOKEN, allowControl: true, script },
    )
    const { origin } = new URL(server.url)
    const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' }
    const send = (body: string) => fetch(`${origin}/api/runs/r/abort`, { method: 'POST', headers, body })
    expect((await send('{}')).status).toBe(503)
  })

  it('ends live streams when it is closed, and forgets those whose reader is gone', async () => {
    const store = new MemoryTimelineStore()
    await store.append([batchOf('r', 1, 5)])
    const server = await serveInspector({ store }, { script, intervalMs: 20 })
    const open = () => fetch(`${server.url}api/live`)
    for (let index = 0; index < 40; index++) {
      const { body, status } = await open()
      expect(status).toBe(200)
      await body!.cancel()
    }
    const reader = (await open()).body!.getReader()
    expect(new TextDecoder().decode((await reader.read()).value)).toContain('here')
    await server.close()
    await expect(
      (async () => {
        while (!(await reader.read()).done);
        throw new Error('ended')
      })(),
    ).rejects.toThrow()
  })

  it('is not opened to others without a token', async () => {
    await expect(
      serveInspector({ store: new MemoryTimelineStore() }, { host: '0.0.0.0', script }),
    ).rejects.toMatchObject({
      code: 'VALIDATION',
    })
  })

  it('says so when the port is taken', async () => {
    await using server = await serveInspector({ store: new MemoryTimelineStore() }, { script })
    const port = Number(new URL(server.url).port)
    await expect(
      serveInspector({ store: new MemoryTimelineStore() }, { port, script }),
    ).rejects.toMatchObject({
      code: 'UNAVAILABLE',
    })
  })
})

describe('busline/inspector in Node', () => {
  it('can be imported, and defines nothing', () => {
    expect(() => defineInspector()).not.toThrow()
    expect(BuslineInspector.observedAttributes).toEqual(['run'])
  })
})
