import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { describe, expect, it } from 'vitest'
import { findChromium } from '../browser/find-chromium.js'
import { openPage } from './chromium.js'

interface Outcome {
  readonly title: string
  readonly error?: string
}

const chromium = findChromium()
if (!chromium)
  console.warn('NOT TESTED: IndexedDB storage in a browser. Install it: apt-get install chromium')

/** Serves the bundled fixture as a page, and resolves to what it sends back. */
async function runInChromium(fixture: string, binary: string): Promise<Outcome[]> {
  const entry = fileURLToPath(new URL(`fixtures/${fixture}`, import.meta.url))
  const bundle = await build({
    entryPoints: [entry],
    bundle: true,
    format: 'esm',
    write: false,
    target: 'es2022',
  })
  const script = bundle.outputFiles[0]!.text
  let receive!: (outcomes: Outcome[]) => void
  const outcomes = new Promise<Outcome[]>((resolve) => (receive = resolve))
  const server = createServer((request, response) => {
    if (request.method === 'POST') {
      let body = ''
      request.on('data', (chunk: Buffer) => (body += chunk.toString()))
      request.on('end', () => {
        response.end()
        receive(JSON.parse(body) as Outcome[])
      })
    } else if (request.url === '/script.js') {
      response.setHeader('content-type', 'text/javascript').end(script)
    } else {
      response.setHeader('content-type', 'text/html').end('<script type="module" src="/script.js"></script>')
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const end = openPage(binary, `http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
  try {
    return await outcomes
  } finally {
    await end()
    server.closeAllConnections()
    server.close()
  }
}

describe.skipIf(!chromium)('indexedDbStorage() in Chromium', () => {
  it(
    'does everything the conformance suite asks for, on a real IndexedDB',
    { timeout: 120_000 },
    async () => {
      const outcomes = await runInChromium('indexeddb-page.ts', chromium!)
      expect(outcomes.filter(({ error }) => error !== undefined)).toEqual([])
      expect(outcomes.length).toBeGreaterThan(25)
    },
  )
})
