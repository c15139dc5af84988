import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findChromium } from '../../browser/find-chromium.js'
import { bundleText } from '../fixtures/bundle-script.js'
import { type OpenPage, openPage } from '../fixtures/open-page.js'
import { hostCases } from './host-cases.js'

const chromium = findChromium()

interface PageFunctions {
  runCase(title: string): Promise<string | undefined>
  openScript(script: string): Promise<string | undefined>
}

describe.skipIf(!chromium)('webHost in Chromium', () => {
  let opened: OpenPage

  beforeAll(async () => {
    opened = await openPage(chromium!, {
      '/page.js': await bundleText('web-page.ts', 'browser'),
      '/web-worker.js': await bundleText('web-worker.ts', 'browser'),
      '/throws.js': 'throw new Error("no such worker")',
      '/silent.js': 'addEventListener("message", () => {})',
    })
  })

  afterAll(() => opened?.close())

  for (const { title, needsNode } of hostCases) {
    if (needsNode) continue
    it(title, async () => {
      const wrong = await opened.page.evaluate(
        (name) => (globalThis as unknown as PageFunctions).runCase(name),
        title,
      )
      expect(wrong).toBeUndefined()
      await expect.poll(() => opened.page.workers().length).toBe(0)
    })
  }

  it.each([
    ['/missing.js', /its script could not be loaded/],
    ['/throws.js', /no such worker/],
    ['/silent.js', /it has not answered the handshake within 500 ms/],
  ])('says why %s is no worker, and leaves none', async (script, why) => {
    const wrong = await opened.page.evaluate(
      (name) => (globalThis as unknown as PageFunctions).openScript(name),
      script,
    )
    expect(wrong).toMatch(why)
    await expect.poll(() => opened.page.workers().length).toBe(0)
  })
})
