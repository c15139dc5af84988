import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type BuiltPages, buildPages } from './built-pages.js'
import { findChromium } from './find-chromium.js'
import { type OpenBrowser, openBrowser } from './open-browser.js'

const chromium = findChromium()

/** The run of the busy day with retries, children and a wait for a person. */
const BUSY_RUN = '00000000-0000-7000-8000-00000000002f'
const WIDTH = 390
/** Of a phone that is narrow, or of the room that a page with margins leaves on another. */
const NARROWEST = 320

let pages: BuiltPages
let browser: OpenBrowser
let page: Page

async function open(data: 'busy-day' | 'odd', run: string, width = WIDTH): Promise<void> {
  page = await browser.newPage()
  await page.setViewportSize({ width, height: 800 })
  await page.goto(pages.url(`test/browser/pages/inspector.html?data=${data}`))
  await page.waitForFunction(() => document.title === 'ready')
  await page.evaluate((id) => (document.querySelector('busline-inspector')!.run = id), run)
  await page.locator('.run-head h2').waitFor()
}

/** Left and right ends of what a selector finds, from left to right. */
const extents = (selector: string) =>
  page.locator(selector).evaluateAll((found) =>
    found
      .map((each) => each.getBoundingClientRect())
      .map(({ left, right }) => ({ left, right }))
      .sort((one, other) => one.left - other.left),
  )

async function expectApart(selector: string): Promise<void> {
  const labels = await extents(selector)
  const overlaps = labels.filter(({ left }, index) => index > 0 && left < labels[index - 1]!.right - 1)
  expect({ selector, overlaps }).toEqual({ selector, overlaps: [] })
}

describe.skipIf(!chromium)('<busline-inspector> as wide as a phone', () => {
  beforeAll(async () => {
    pages = await buildPages()
    browser = await openBrowser(chromium!)
  })

  afterAll(async () => {
    await browser?.close()
    await pages?.close()
  })

  afterEach(async () => {
    await page.close()
    expect(browser.takeErrors()).toEqual([])
  })

  it.each([
    ['a run', WIDTH, 'busy-day', BUSY_RUN],
    ['a run with long words in its names', WIDTH, 'odd', 'markup'],
    ['a run', NARROWEST, 'busy-day', BUSY_RUN],
  ] as const)('shows %s within a width of %i pixels', async (_what, width, data, run) => {
    await open(data, run, width)
    for (const selector of [
      '.top .live',
      '.run-head h2',
      '.run-head dd',
      '.at-event > *',
      '.slider .at',
      '.range',
    ]) {
      const beyond = (await extents(selector)).filter(({ right }) => right > width + 0.5)
      expect({ selector, beyond }).toEqual({ selector, beyond: [] })
    }
  })

  it('leaves room for the state, and puts nothing on top of it', async () => {
    await open('busy-day', BUSY_RUN)
    const panel = page.locator('.state-panel')
    expect((await panel.locator('.value-tree').last().boundingBox())!.height).toBeGreaterThan(100)
    const [event, payload] = await Promise.all(
      ['.at-event', '.payload'].map((selector) => panel.locator(selector).boundingBox()),
    )
    const text = await panel.locator('.at-text').boundingBox()
    expect(text!.y + text!.height).toBeLessThanOrEqual(event!.y + event!.height + 0.5)
    expect(event!.y + event!.height).toBeLessThanOrEqual(payload!.y + 0.5)
  })

  it('writes no time of the axis over another', async () => {
    await open('busy-day', BUSY_RUN)
    await expectApart('.axis .tick')
    await expectApart('.axis .fold')
    await page.getByRole('button', { name: 'Time', exact: true }).click()
    await expectApart('.axis .tick')
    await page.setViewportSize({ width: 1400, height: 800 })
    await expect.poll(() => page.locator('.axis .tick').count()).toBe(7)
    await expectApart('.axis .tick')
  })
})
