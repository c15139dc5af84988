import { executorConformance } from 'busline/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findChromium } from '../../browser/find-chromium.js'
import { bundleText } from '../fixtures/bundle-script.js'
import { type OpenPage, openPage } from '../fixtures/open-page.js'

const chromium = findChromium()
// The rules run in the page; from here only their titles are wanted.
const rules = executorConformance({ openExecutor: () => Promise.reject(new Error('Not to be opened here')) })

describe.skipIf(!chromium)('workerExecutor, on Web Workers in Chromium', () => {
  let opened: OpenPage

  beforeAll(async () => {
    opened = await openPage(chromium!, {
      '/page.js': await bundleText('../scripts/web-conformance-page.ts', 'browser'),
      '/web-task-worker.js': await bundleText('../scripts/web-task-worker.ts', 'browser'),
    })
  })

  afterAll(() => opened?.close())

  for (const { title } of rules) {
    it(title, async () => {
      const run = (name: string) =>
        (globalThis as unknown as { runRule(title: string): Promise<string | undefined> }).runRule(name)
      expect(await opened.page.evaluate(run, title)).toBeUndefined()
    })
  }
})
