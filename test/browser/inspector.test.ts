import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type BuiltPages, buildPages } from './built-pages.js'
import { findChromium } from './find-chromium.js'
import { type OpenBrowser, openBrowser } from './open-browser.js'

const chromium = findChromium()

/** The run of the busy day with retries, children and a wait for a person. */
const BUSY_RUN = '00000000-0000-7000-8000-00000000002f'

let pages: BuiltPages
let browser: OpenBrowser
let page: Page

async function open(data: 'busy-day' | 'large' | 'odd', run?: string): Promise<void> {
  page = await browser.newPage()
  await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' })
  await page.goto(pages.url(`test/browser/pages/inspector.html?data=${data}`))
  await page.waitForFunction(() => document.title === 'ready')
  if (run === undefined) return
  await page.evaluate((id) => (document.querySelector('busline-inspector')!.run = id), run)
  await page.locator('.run-head h2').waitFor()
}

const rows = () => page.locator('.runs .vlist-row')
const tab = (name: string) => page.getByRole('tab', { name }).click()
const stateText = () => page.locator('.state-panel').innerText()
const position = async () => (await page.locator('.at').innerText()).split('·')[0]!.trim()

async function seek(seq: number): Promise<void> {
  await page.evaluate((to) => document.querySelector('busline-inspector')!.seek(to), seq)
  await page.waitForTimeout(30)
}

describe.skipIf(!chromium)('<busline-inspector> in Chromium', () => {
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

  it('lists runs, and finds them by words, workflow and status', async () => {
    await open('busy-day')
    const count = page.locator('.run-list .count')
    await rows().first().waitFor()
    const all = Number.parseInt(await count.innerText())
    expect(all).toBeGreaterThan(40)
    await page.getByRole('searchbox', { name: 'Search runs' }).fill('order aiko')
    expect(await count.innerText()).toMatch(/^\d+ of \d+ runs$/)
    expect(new Set(await page.locator('.run-top .key').allInnerTexts())).toEqual(new Set(['Aiko']))
    await page.getByRole('searchbox', { name: 'Search runs' }).fill('')
    await page.getByRole('combobox', { name: 'Workflow' }).selectOption('stock')
    await page.getByRole('button', { name: 'failed' }).click()
    await expect.poll(() => rows().count()).toBe(1)
    expect(await rows().first().innerText()).toMatch(/stock\s*failed/)
  })

  it('asks again for a run that could not be loaded, or of which the live view does not tell', async () => {
    await open('busy-day')
    await page.evaluate((runId) => {
      const inspector = document.querySelector('busline-inspector')!
      const source = inspector.source!
      let calls = 0
      inspector.source = {
        ...source,
        watch: () => () => {},
        getRunMeta: async (id) => {
          const meta = (await source.getRunMeta(id))!
          if (++calls === 1) throw new Error('The source is away')
          return calls > 3 ? meta : { ...meta, status: 'recording', eventCount: 3 }
        },
      }
      inspector.run = runId
    }, BUSY_RUN)
    await page.locator('.run-head .badge', { hasText: 'complete' }).waitFor()
    expect(await page.locator('.notice').isVisible()).toBe(false)
  })

  it('shows a run as a Gantt chart with stages, steps, retries and waits', async () => {
    await open('busy-day', BUSY_RUN)
    const names = await page.locator('.g-name').allInnerTexts()
    expect(names).toEqual(
      expect.arrayContaining(['price', 'total', 'approve', 'waits', 'pick', 'picking 0', 'shelf']),
    )
    expect(await page.locator('.bar.b-wait').first().getAttribute('title')).toContain('by order:approved')
    await page.locator('.gantt').focus()
    await page.keyboard.press('End')
    await expect.poll(() => page.locator('.bar.b-retry').count()).toBeGreaterThan(0)
    await page.keyboard.press('Home')
    await page.keyboard.press('ArrowLeft')
    await expect.poll(() => page.locator('.g-name').count()).toBe(1)
    await page.keyboard.press('ArrowRight')
    await page.getByRole('button', { name: 'Events' }).click()
    await expect.poll(() => page.locator('.tick').first().innerText()).toBe('#1')
    await page.locator('.bar.b-wait').first().click()
    expect(await stateText()).toContain('pipeline:pause')
  })

  it('shows the pipeline as the path that was taken, and lights where the slider stands', async () => {
    await open('busy-day', BUSY_RUN)
    await tab('Graph')
    const labels = await page
      .locator('.node')
      .evaluateAll((nodes) => nodes.map((node) => node.getAttribute('data-stage')))
    expect(labels).toEqual(['price', 'approve', 'pick', 'find', 'weigh', 'charge', 'hand over'])
    await page.locator('.node[data-stage="approve"]').click()
    expect(await stateText()).toContain('stage:start')
    expect(await page.locator('.node.now').getAttribute('data-stage')).toBe('approve')
    expect(await page.locator('.node.future').count()).toBe(5)
    await page.keyboard.press('Tab')
    await page.locator('.node[data-stage="price"]').focus()
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('Enter')
    expect(await page.locator('.node.now').getAttribute('data-stage')).toBe('approve')
  })

  it('goes through time: the state at each point, and what changed there', async () => {
    await open('busy-day', BUSY_RUN)
    await seek(1)
    expect(await stateText()).toMatch(/pipeline:start[\s\S]*items/)
    expect(await stateText()).not.toContain('needsApproval')
    await page.getByRole('slider', { name: 'Event' }).focus()
    await page.keyboard.press('End')
    expect(await position()).toBe('96 / 96')
    expect(await stateText()).toContain('receipt')
    await page.getByRole('button', { name: 'Change of state before' }).click()
    expect(await page.locator('.change').first().innerText()).toMatch(/\+\s*payment/)
    await page.keyboard.press('[')
    expect(await page.locator('.changes').innerText()).toContain('last at event')
    await page.locator('.changes button').click()
    expect(await page.locator('.change').count()).toBeGreaterThan(0)
  })

  it('shows logs and events, filtered and searched, and goes to one', async () => {
    await open('busy-day', BUSY_RUN)
    await tab('Logs')
    expect(await page.locator('.events .message').first().innerText()).toBe('Priced the order')
    await page.getByRole('button', { name: 'warn' }).click()
    await expect.poll(() => page.locator('.events .vlist-row').count()).toBe(1)
    await page.locator('.events .vlist-row').click()
    expect(await stateText()).toContain('needs the eye of a person')
    await page.getByRole('tab', { name: 'Events' }).click()
    await page.getByRole('searchbox', { name: 'Search events' }).fill('step:retry')
    const retries = page.locator('.events .vlist-row')
    await expect.poll(() => retries.count()).toBeGreaterThan(0)
    expect(await retries.first().innerText()).toMatch(/again in|bank|scale/)
  })

  it('answers why an event did nothing, and leads to the run concerned', async () => {
    await open('busy-day')
    await tab('Receipts')
    await page.getByRole('button', { name: 'dropped' }).click()
    await expect.poll(() => page.locator('.receipts .vlist-row').count()).toBe(1)
    expect(await page.locator('.receipts .reason').innerText()).toBe('Capacity of 3 reached')
    expect(await page.locator('.receipts .run-link').count()).toBe(0)
    await page.getByRole('button', { name: 'dropped' }).click()
    await page.getByRole('searchbox', { name: 'Search receipts' }).fill('started elif')
    await page.locator('.receipts .vlist-row').first().click()
    await page.locator('.run-head h2').waitFor()
    expect(await page.locator('.run-head').innerText()).toContain('Elif')
  })

  it('shows queue lengths and active runs per key', async () => {
    await open('busy-day')
    await tab('Queues')
    await page.locator('.card').first().waitFor()
    const order = page.locator('.card').first()
    expect(await order.locator('.figure b').allInnerTexts()).toEqual(['2', '5', '2'])
    expect(await order.locator('.lane').allInnerTexts()).toEqual([
      expect.stringMatching(/Chiara[\s\S]*3 waiting/),
      expect.stringMatching(/Elif[\s\S]*2 waiting/),
    ])
  })

  it('can be used without a mouse', async () => {
    await open('busy-day')
    await rows().first().waitFor()
    await page.getByRole('searchbox', { name: 'Search runs' }).focus()
    await page.keyboard.type('parcel')
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('Enter')
    await page.locator('.run-head h2').waitFor()
    expect(await page.locator('.runs .vlist-row.chosen').getAttribute('aria-posinset')).toBe('2')
    await page.getByRole('tab', { name: 'Timeline' }).focus()
    for (const view of ['graph', 'logs', 'events', 'timeline']) {
      await page.keyboard.press('ArrowRight')
      expect(await page.getByRole('tabpanel').getAttribute('aria-label')).toBe(view)
    }
    const nameless = await page.evaluate(() => {
      const root = document.querySelector('busline-inspector')!.shadowRoot!
      const controls = root.querySelectorAll(
        'button, input, select, [role=listbox], [role=tree], [role=treegrid]',
      )
      return [...controls].filter((each) => !(each.getAttribute('aria-label') ?? each.textContent)).length
    })
    expect(nameless).toBe(0)
    const active = page.getByRole('treegrid')
    await active.focus()
    await page.keyboard.press('ArrowDown')
    const id = await active.getAttribute('aria-activedescendant')
    expect(await page.locator(`#${id}`).getAttribute('aria-level')).toBe('1')
  })

  it.each(['light', 'dark'] as const)('can be read in the %s: contrast of at least 4.5', async (scheme) => {
    await open('busy-day', BUSY_RUN)
    await page.emulateMedia({ colorScheme: scheme })
    const pairs = [
      ...['--ink', '--ink-2', '--ink-3', '--accent', '--bad'].map((ink) => [ink, '--panel']),
      ...['--ink', '--ink-2', '--ink-3'].map((ink) => [ink, '--raised']),
      ...['ok', 'run', 'wait', 'bad', 'off'].map((tone) => [`--${tone}`, `--${tone}-soft`]),
      ...['--str', '--num', '--bool', '--add', '--del'].map((ink) => [ink, '--raised']),
    ]
    const poor = await page.evaluate((given) => {
      const styles = getComputedStyle(document.querySelector('busline-inspector')!)
      const luminance = (name: string) => {
        const hex = styles.getPropertyValue(name).trim()
        const [r, g, b] = [1, 3, 5].map((at) => {
          const part = Number.parseInt(hex.slice(at, at + 2), 16) / 255
          return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
        })
        return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!
      }
      return given.flatMap(([ink, paper]) => {
        const [low, high] = [luminance(ink!), luminance(paper!)].sort((a, b) => a - b)
        const contrast = (high! + 0.05) / (low! + 0.05)
        return contrast >= 4.5 ? [] : [`${ink} on ${paper}: ${contrast.toFixed(2)}`]
      })
    }, pairs)
    expect(poor).toEqual([])
  })

  it('takes what was recorded for text, wherever it stands', async () => {
    await open('odd', 'markup')
    for (const view of ['Graph', 'Logs', 'Events', 'Timeline']) await tab(view)
    await page.getByText('Payload', { exact: true }).click()
    for (let seq = 0; seq <= 6; seq++) await seek(seq)
    const found = await page.evaluate(() => {
      const root = document.querySelector('busline-inspector')!.shadowRoot!
      return {
        attacked: 'attacked' in window,
        elements: root.querySelectorAll('script, img').length,
        text: root.textContent,
      }
    })
    expect(found.attacked).toBe(false)
    expect(found.elements).toBe(0)
    expect(found.text).toContain('<script>window.attacked = true</script>')
  })

  it('shows a state of 5 MB, and opens it in no time', async () => {
    await open('odd', 'big-state')
    await seek(2)
    expect(await page.locator('.change').innerText()).toMatch(/count\s*1\s*2/)
    const started = Date.now()
    await page.locator('.state-panel > .value-tree .vlist-row').first().click()
    await page.getByText('4500 more').or(page.getByText('row-3')).first().waitFor()
    expect(Date.now() - started).toBeLessThan(1000)
    expect(await page.locator('.state-panel .vlist-row').count()).toBeLessThan(80)
  })

  it('says so when there is no such run, or a newer Busline stored it, and stays in use', async () => {
    await open('odd')
    await page.evaluate(() => (document.querySelector('busline-inspector')!.run = 'nobody'))
    await expect
      .poll(() => page.locator('.run-view .notice').innerText())
      .toContain('NOT_FOUND: There is no timeline of run "nobody"')
    await page.evaluate(() => (document.querySelector('busline-inspector')!.run = 'newer'))
    await expect.poll(() => page.locator('.run-view .notice').innerText()).toContain('VERSION_MISMATCH')
    await rows().first().click()
    await page.locator('.run-head h2').waitFor()
    for (const [seq, expected] of [
      [1e9, '6 / 6'],
      [-5, '0 / 6'],
      [2.4, '2 / 6'],
    ] as const) {
      await seek(seq)
      expect(await position()).toBe(expected)
    }
    const refused = await page.evaluate(() => {
      try {
        document.querySelector('busline-inspector')!.seek(NaN)
      } catch (error) {
        return (error as { code: string }).code
      }
    })
    expect(refused).toBe('VALIDATION')
  })

  it('opens a run of 10 000 events among 1 000 runs, goes to any of them, and keeps the page small', async () => {
    await open('large')
    await rows().first().click()
    await expect.poll(position, { timeout: 30_000 }).toBe('10000 / 10000')
    for (const view of ['Timeline', 'Graph', 'Logs', 'Events']) {
      await tab(view)
      for (const seq of [1, 7919, 7920, 7918, 5000]) {
        await seek(seq)
        await expect.poll(position).toBe(`${seq} / 10000`)
      }
    }
    const elements = await page.evaluate(
      () => document.querySelector('busline-inspector')!.shadowRoot!.querySelectorAll('*').length,
    )
    expect(elements).toBeLessThan(2500)
    await page.locator('.runs').focus()
    await page.keyboard.press('End')
    await expect.poll(() => page.locator('.run-list .count').innerText()).toMatch(/^[4-9]\d\d|^1001/)
  })

  const SHOTS = ['timeline', 'graph', 'logs', 'events', 'receipts', 'queues', 'timeline-dark'] as const
  const images = fileURLToPath(new URL('../../docs/images/', import.meta.url))

  it('has a screenshot of each view in the docs; UPDATE_SCREENSHOTS=1 takes them anew', async () => {
    await open('busy-day', BUSY_RUN)
    if (process.env['UPDATE_SCREENSHOTS'] !== undefined) {
      await page.getByRole('searchbox', { name: 'Search runs' }).fill('order')
      const shoot = async (name: string) => {
        await page.waitForTimeout(400)
        await page.screenshot({ path: `${images}inspector-${name}.png` })
      }
      await seek(79)
      await shoot('timeline')
      await page.emulateMedia({ colorScheme: 'dark' })
      await shoot('timeline-dark')
      await page.emulateMedia({ colorScheme: 'light' })
      for (const view of ['Graph', 'Logs', 'Events', 'Receipts', 'Queues']) {
        await tab(view)
        await shoot(view.toLowerCase())
      }
    }
    for (const name of SHOTS) expect(existsSync(`${images}inspector-${name}.png`), name).toBe(true)
  })
})
