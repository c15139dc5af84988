import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'
import { describe, expect, it } from 'vitest'
import { alias } from '../../../examples/browser/vite.config.js'
import { findChromium } from '../../browser/find-chromium.js'
import { openBrowser } from '../../browser/open-browser.js'

const page = fileURLToPath(new URL('page', import.meta.url))
const chromium = findChromium()
const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html',
  js: 'text/javascript',
  wasm: 'application/wasm',
}

/** Builds the page as an application would, with its worker and the WebAssembly, and serves it from memory. */
async function servePage() {
  const output = await build({
    root: page,
    configFile: false,
    logLevel: 'error',
    resolve: { alias },
    worker: { format: 'es' },
    build: { target: 'es2022', write: false, minify: false },
  })
  if (!('output' in output)) throw new TypeError('Vite gave no output')
  const files = new Map(
    output.output.map((file) => [`/${file.fileName}`, file.type === 'chunk' ? file.code : file.source]),
  )
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname
    const body = files.get(path === '/' ? '/index.html' : path)
    const type =
      TYPES[path === '/' ? 'html' : path.slice(path.lastIndexOf('.') + 1)] ?? 'application/octet-stream'
    response.writeHead(body === undefined ? 404 : 200, { 'content-type': type }).end(body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/`,
    close: () => {
      server.close()
      server.closeAllConnections()
    },
  }
}

if (!chromium) console.warn('NOT TESTED: plans in a browser. Install it: apt-get install chromium')

describe.skipIf(!chromium)('plans in a page', () => {
  it(
    'runs plans of functions and, in a worker, of text; ends what does not end; text sees nothing of the page',
    { timeout: 180_000 },
    async () => {
      const served = await servePage()
      const browser = await openBrowser(chromium!)
      try {
        const opened = await browser.newPage()
        await opened.goto(served.url)
        const told: unknown = await opened.evaluate(() => (globalThis as { told?: unknown }).told)
        expect(told).toMatchObject({
          result: { n: 2, window: 'undefined', fetch: 'undefined' },
          functions: { data: {}, n: 1, m: 2, b: true },
          refused: {
            name: 'ValidationError',
            message: 'Cannot find job: nowhere',
            issues: [{ path: 'workflow.steps.0.next', message: 'Cannot find job: nowhere' }],
          },
          failed: { errors: { 'job-1': { name: 'RuntimeError', message: 'TypeError: No' } } },
          loop: { ok: false, fault: { kind: 'timeout' } },
          ended: { ok: false, fault: { kind: 'timeout' } },
          after: { ok: true, state: { ok: 1 } },
          found: [],
        })
      } finally {
        await browser.close()
        served.close()
      }
    },
  )
})
