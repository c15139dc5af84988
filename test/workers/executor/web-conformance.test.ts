import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { executorConformance } from 'busline/testing'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findChromium } from '../../browser/find-chromium.js'
import { type OpenBrowser, openBrowser } from '../../browser/open-browser.js'
import { bundleText } from '../fixtures/bundle-script.js'

const chromium = findChromium()
// The rules run in the page; from here only their titles are wanted.
const rules = executorConformance({ openExecutor: () => Promise.reject(new Error('Not to be opened here')) })

describe.skipIf(!chromium)('workerExecutor, on Web Workers in Chromium', { timeout: 60_000 }, () => {
  let browser: OpenBrowser
  let page: Page
  const server = createServer()

  beforeAll(async () => {
    const files: Readonly<Record<string, string>> = {
      '/': '<!doctype html><meta charset="utf-8"><script type="module" src="/page.js"></script>',
      '/page.js': await bundleText('../scripts/web-conformance-page.ts', 'browser'),
      '/web-task-worker.js': await bundleText('../scripts/web-task-worker.ts', 'browser'),
    }
    server.on('request', ({ url = '/' }, response) => {
      const type = url.endsWith('.js') ? 'text/javascript' : 'text/html'
      response.writeHead(files[url] === undefined ? 404 : 200, { 'content-type': type }).end(files[url])
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    browser = await openBrowser(chromium!)
    page = await browser.newPage()
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
    await page.waitForFunction(() => document.title === 'ready')
  }, 120_000)

  afterAll(async () => {
    await browser?.close()
    server.close()
    server.closeAllConnections()
  })

  for (const { title } of rules) {
    it(title, async () => {
      const run = (name: string) =>
        (globalThis as unknown as { runRule(title: string): Promise<string | undefined> }).runRule(name)
      expect(await page.evaluate(run, title)).toBeUndefined()
    })
  }
})
