import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type BuiltPages, buildPages } from './built-pages.js'
import { findChromium } from './find-chromium.js'
import { type OpenBrowser, openBrowser } from './open-browser.js'

const chromium = findChromium()

let pages: BuiltPages
let browser: OpenBrowser

async function openTeaHouse(): Promise<Page> {
  const page = await browser.newPage()
  await enterTeaHouse(page)
  return page
}

async function enterTeaHouse(page: Page): Promise<void> {
  await page.goto(pages.url('examples/browser/index.html'))
  await page.locator('.live.on').waitFor()
}

/** What the IndexedDB of the page has of a run, read past the inspector. */
function readRecords(page: Page, runId: string): Promise<{ count: number; seqs: number[]; types: string[] }> {
  return page.evaluate(async (id) => {
    const database = await new Promise<IDBDatabase>((resolve, reject) => {
      const request = indexedDB.open('tea-house')
      request.onsuccess = () => resolve(request.result)
      request.onerror = () => reject(new Error('Cannot open it'))
    })
    const range = IDBKeyRange.bound(`timeline/events/${id}/`, `timeline/events/${id}/~`)
    const records = await new Promise<{ value: { first: number; types: string[] } }[]>((resolve, reject) => {
      const request = database.transaction('records').objectStore('records').getAll(range)
      request.onsuccess = () => resolve(request.result)
      request.onerror = () => reject(new Error('Cannot read it'))
    })
    database.close()
    const seqs = records.flatMap(({ value: { first, types } }) => types.map((_, index) => first + index))
    return { count: seqs.length, seqs, types: records.flatMap(({ value }) => value.types) }
  }, runId)
}

describe.skipIf(!chromium)('the tea house in Chromium, on a real IndexedDB', () => {
  beforeAll(async () => {
    pages = await buildPages()
    browser = await openBrowser(chromium!)
  })

  afterAll(async () => {
    await browser?.close()
    await pages?.close()
  })

  it('runs workflows in the page, and shows them while they run', async () => {
    const page = await browser.newPage()
    // On such a day an order is dear, and waits for a person: it does not end before it has been looked at.
    await page.addInitScript(() => (Math.random = () => 0.99))
    await enterTeaHouse(page)
    await page.getByRole('button', { name: 'Place an order' }).click()
    const card = page.locator('#orders li').first()
    await card.waitFor()
    await card.click()
    const badge = page.locator('.run-head .badge')
    await expect.poll(() => badge.innerText()).toBe('paused')
    const counted = async () => Number((await page.locator('.at').innerText()).split('/')[1]!.split('·')[0])
    const before = await counted()
    expect(before).toBeGreaterThan(2)
    await page.getByRole('button', { name: 'Approve what waits' }).click()
    await expect.poll(() => badge.innerText()).toBe('complete')
    await expect.poll(counted).toBeGreaterThan(before)
    expect(browser.takeErrors()).toEqual([])
    await page.close()
  })

  it('has the timeline of a run whose page was closed in the middle of it', async () => {
    const first = await openTeaHouse()
    await first.evaluate(() => document.querySelector('busline-inspector')!.setAttribute('theme', 'light'))
    await first.getByRole('button', { name: 'Five at once' }).click()
    await first.locator('#orders li').first().click()
    await expect.poll(() => first.locator('.gantt .vlist-row').count()).toBeGreaterThan(2)
    const runId = (await first.evaluate(() => document.querySelector('busline-inspector')!.run))!
    await expect.poll(async () => (await readRecords(first, runId)).count).toBeGreaterThan(5)
    const stored = await readRecords(first, runId)
    await first.close({ runBeforeUnload: false })

    const second = await openTeaHouse()
    await second.evaluate((id) => (document.querySelector('busline-inspector')!.run = id), runId)
    await second.locator('.run-head h2').waitFor()
    const kept = await readRecords(second, runId)
    expect(kept.seqs).toEqual(kept.seqs.map((_seq, index) => index + 1))
    expect(kept.types.slice(0, stored.count)).toEqual(stored.types)
    expect(kept.types[0]).toBe('pipeline:start')
    expect(await second.locator('.run-head').innerText()).toContain(String(kept.count))
    await second.getByRole('slider', { name: 'Event' }).focus()
    await second.keyboard.press('Home')
    await second.keyboard.press('ArrowRight')
    expect(await second.locator('.state-panel').innerText()).toMatch(/pipeline:start[\s\S]*guest/)
    expect(browser.takeErrors()).toEqual([])
    await second.close()
  })

  it('tells of receipts and queues of the runtime in the page', async () => {
    const page = await openTeaHouse()
    await page.getByRole('button', { name: 'Five at once' }).click()
    const guests = () => page.locator('#orders li b').allInnerTexts()
    await expect.poll(async () => (await guests()).length).toBe(4)
    expect(new Set(await guests()).size).toBe(1)
    expect(await guests()).not.toContain('A guest')
    await page.getByRole('tab', { name: 'Receipts' }).click()
    await expect.poll(() => page.locator('.reason').allInnerTexts()).toContain('Capacity of 3 reached')
    await page.getByRole('tab', { name: 'Queues' }).click()
    await expect.poll(() => page.locator('.lane').first().innerText()).toMatch(/waiting/)
    expect(browser.takeErrors()).toEqual([])
    await page.close()
  })

  it('leaves room on a phone for a run that waits, for its commands and the form of one', async () => {
    const page = await browser.newPage()
    await page.setViewportSize({ width: 360, height: 740 })
    await page.addInitScript(() => (Math.random = () => 0.99))
    await enterTeaHouse(page)
    await page.getByRole('button', { name: 'Place an order' }).click()
    await page.locator('#orders li.paused').click()
    await page.getByRole('button', { name: 'Signal' }).click()
    const boxOf = async (selector: string) => (await page.locator(selector).first().boundingBox())!
    const [frame, head, body, form] = await Promise.all(
      ['busline-inspector', '.run-head', '.run-body', '.command-form'].map(boxOf),
    )
    expect(head!.width).toBeGreaterThan(250)
    expect(body!.height).toBeGreaterThan(250)
    expect(form!.x).toBeGreaterThanOrEqual(frame!.x)
    expect(form!.x + form!.width).toBeLessThanOrEqual(frame!.x + frame!.width)
    expect(browser.takeErrors()).toEqual([])
    await page.close()
  })

  // The last one: what it does to the database is not undone.
  it('says so when a newer version of the application has written the database', async () => {
    const page = await browser.newPage()
    await page.goto(pages.url('test/browser/pages/inspector.html?data=odd'))
    await page.evaluate(
      () =>
        new Promise<void>((resolve, reject) => {
          const request = indexedDB.open('tea-house', 99)
          request.onsuccess = () => resolve(request.result.close())
          request.onerror = () => reject(new Error('Cannot upgrade it'))
        }),
    )
    await page.goto(pages.url('examples/browser/index.html'))
    await expect
      .poll(() => page.locator('.banner').innerText())
      .toMatch(/^VERSION_MISMATCH: .*reload the page$/)
    expect(browser.takeErrors()).toEqual([])
    await page.close()
  })
})
