import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findChromium } from '../../browser/find-chromium.js'
import { type OpenBrowser, openBrowser } from '../../browser/open-browser.js'
import { bundleText } from '../fixtures/bundle-script.js'
import { hostCases } from './host-cases.js'

const chromium = findChromium()

interface PageFunctions {
  runCase(title: string): Promise<string | undefined>
  openScript(script: string): Promise<string | undefined>
}

async function servePage() {
  const files: Readonly<Record<string, string>> = {
    '/': '<!doctype html><meta charset="utf-8"><script type="module" src="/page.js"></script>',
    '/page.js': await bundleText('web-page.ts', 'browser'),
    '/web-worker.js': await bundleText('web-worker.ts', 'browser'),
    '/throws.js': 'throw new Error("no such worker")',
    '/silent.js': 'addEventListener("message", () => {})',
  }
  const server = createServer(({ url = '/' }, response) => {
    const type = url.endsWith('.js') ? 'text/javascript' : 'text/html'
    response.writeHead(files[url] === undefined ? 404 : 200, { 'content-type': type }).end(files[url])
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close: () => {
      server.close()
      server.closeAllConnections()
    },
  }
}

describe.skipIf(!chromium)('webHost in Chromium', { timeout: 60_000 }, () => {
  let server: Awaited<ReturnType<typeof servePage>>
  let browser: OpenBrowser
  let page: Page

  beforeAll(async () => {
    server = await servePage()
    browser = await openBrowser(chromium!)
    page = await browser.newPage()
    await page.goto(server.url)
    await page.waitForFunction(() => document.title === 'ready')
  }, 120_000)

  afterAll(async () => {
    await browser?.close()
    server?.close()
  })

  for (const { title, needsNode } of hostCases) {
    if (needsNode) continue
    it(title, async () => {
      const wrong = await page.evaluate(
        (name) => (globalThis as unknown as PageFunctions).runCase(name),
        title,
      )
      expect(wrong).toBeUndefined()
      await expect.poll(() => page.workers().length, { timeout: 10_000 }).toBe(0)
    })
  }

  it.each([
    ['/missing.js', /its script could not be loaded/],
    ['/throws.js', /no such worker/],
    ['/silent.js', /it has not answered the handshake within 500 ms/],
  ])('says why %s is no worker, and leaves none', async (script, why) => {
    const wrong = await page.evaluate(
      (name) => (globalThis as unknown as PageFunctions).openScript(name),
      script,
    )
    expect(wrong).toMatch(why)
    await expect.poll(() => page.workers().length, { timeout: 10_000 }).toBe(0)
  })
})
