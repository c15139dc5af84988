import { fileURLToPath } from 'node:url'
import { type ViteDevServer, build, preview } from 'vite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { MODE_CHOICES } from '../../docs/simulator/mode-choices.js'
import { findChromium } from './find-chromium.js'
import { type OpenBrowser, openBrowser } from './open-browser.js'

const executable = findChromium()
const configFile = fileURLToPath(new URL('../../docs/simulator/vite.config.ts', import.meta.url))
const image = (name: string) => fileURLToPath(new URL(`../../docs/images/${name}.png`, import.meta.url))

describe.skipIf(!executable)('the mode simulator in Chromium', () => {
  let browser: OpenBrowser
  let server: Awaited<ReturnType<typeof preview>> | ViteDevServer
  let address: string

  beforeAll(async () => {
    await build({ configFile, logLevel: 'warn' })
    server = await preview({ configFile, logLevel: 'warn', preview: { port: 0, host: '127.0.0.1' } })
    address = server.resolvedUrls!.local[0]!
    browser = await openBrowser(executable!)
  })

  afterAll(async () => {
    await browser.close()
    await server.close()
  })

  it('tells what the real engine decides for each event that is sent', async () => {
    const page = await browser.newPage()
    await page.goto(`${address}#exclusive-queue`)
    await page.getByRole('radio', { name: 'exclusive · queue_single', checked: true }).waitFor()
    await page.getByRole('button', { name: 'Hold time' }).click()
    await page.getByRole('button', { name: 'Burst of six' }).click()
    await page.getByRole('button', { name: 'Send B' }).click()
    const outcomes = page.locator('#receipts .outcome')
    await expect.poll(() => outcomes.count()).toBe(11)
    const told = (await page.locator('#receipts li').allTextContents()).map((row) =>
      row.replace(/^[\d.]+ s/, ''),
    )
    expect(told.sort()).toEqual([
      'A 1started',
      'A 2queued',
      'A 2superseded',
      'A 3queued',
      'A 3superseded',
      'A 4queued',
      'A 4superseded',
      'A 5queued',
      'A 5superseded',
      'A 6queued',
      'B 7started',
    ])
    expect(browser.takeErrors()).toEqual([])
    await page.close()
  })

  it('lets time go on until all is done', async () => {
    const page = await browser.newPage()
    await page.goto(`${address}#serialized`)
    await page.getByRole('slider').fill('1')
    await page.getByRole('button', { name: 'Send A' }).click()
    await page.getByRole('button', { name: 'Send A' }).click()
    await expect.poll(() => page.locator('rect.done').count()).toBe(2)
    expect(await page.locator('#receipts .outcome.started').count()).toBe(2)
    expect(browser.takeErrors()).toEqual([])
    await page.close()
  })

  it('is worked with the keyboard: arrows choose a mode, letters send', async () => {
    const page = await browser.newPage()
    await page.goto(address)
    await page.getByRole('radio', { name: 'transient' }).focus()
    await page.keyboard.press('ArrowRight')
    await page.getByRole('radio', { name: 'serialized', checked: true }).waitFor()
    await page.keyboard.press('b')
    await expect.poll(() => page.locator('#receipts li').count()).toBe(1)
    expect(await page.locator('#receipts .event').textContent()).toBe('B 1')
    await page.close()
  })

  it('shows every mode at work; UPDATE_SCREENSHOTS=1 keeps one, light and dark', async () => {
    const page = await browser.newPage()
    await page.setViewportSize({ width: 1240, height: 760 })
    for (const { id } of MODE_CHOICES) {
      await page.goto(`${address}#${id}`)
      await page.reload()
      await page.getByRole('button', { name: 'Burst of six' }).click()
      await page.getByRole('button', { name: 'Send B' }).click()
      await expect.poll(() => page.locator('#lanes rect.run, #lanes rect.aborted').count()).toBeGreaterThan(1)
      if (id === 'transient' && process.env['UPDATE_SCREENSHOTS']) {
        await expect.poll(() => page.locator('rect.done').count()).toBeGreaterThan(2)
        await page.getByRole('button', { name: 'Burst of six' }).click()
        await page.getByRole('button', { name: 'Send B' }).click()
        await page.locator('path.lost').last().waitFor({ state: 'attached' })
        await page.waitForFunction(() => document.querySelectorAll('rect.done').length > 4)
        await page.screenshot({ path: image('simulator'), fullPage: true })
        await page.emulateMedia({ colorScheme: 'dark' })
        await page.screenshot({ path: image('simulator-dark'), fullPage: true })
        await page.emulateMedia({ colorScheme: 'light' })
      }
    }
    expect(browser.takeErrors()).toEqual([])
    await page.close()
  })
})
