import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findChromium } from '../../browser/find-chromium.js'
import { type OpenBrowser, openBrowser } from '../../browser/open-browser.js'
import { type ServedPage, servePage } from '../../storage/chromium.js'
import type { TabReport } from './two-tabs-page.js'

const chromium = findChromium()
if (!chromium) console.warn('NOT TESTED: two tabs on one store. Install it: apt-get install chromium')

/** Longer than any test: who takes over before has seen the other go. */
const NEVER_MS = 3_600_000

/** A page that gets no processor for so long would lose its claim before it is stopped. */
const CLAIM_TTL_MS = 3_000

/** The tab that is to go stops here, however long the other takes. */
const HELD_AT = 3
const NOWHERE = -1

const STAGES = Array.from({ length: 12 }, (_, index) => `stage-${index}`)
const stagesOf = (done: readonly string[]) => done.map((each) => each.split(' ')[0])
const tabsOf = (done: readonly string[]) => [...new Set(done.map((each) => each.split(' ')[1]))]

const report = (page: Page): Promise<TabReport> => page.evaluate(() => window.tab.report())

describe.skipIf(!chromium)('two tabs on one database', () => {
  let served: ServedPage<never>
  beforeAll(async () => {
    served = await servePage(fileURLToPath(new URL('two-tabs-page.ts', import.meta.url)))
  })
  afterAll(() => served.close())

  async function withTabs(
    act: (
      browser: OpenBrowser,
      open: (name: string, ttl: number, heldAt?: number) => Promise<Page>,
    ) => Promise<void>,
  ) {
    const browser = await openBrowser(chromium!)
    const open = async (name: string, claimTtl: number, heldAt = NOWHERE) => {
      const page = await browser.newPage()
      await page.goto(served.url)
      await page.waitForFunction(() => 'tab' in window)
      await page.evaluate((given) => window.tab.open(...given), [name, claimTtl, heldAt] as const)
      return page
    }
    try {
      await act(browser, open)
    } finally {
      await browser.close()
    }
  }

  it.each([
    ['opened before the run began', true],
    ['opened while it ran', false],
  ])(
    'the one that is left goes on from the last commit at once when the other is closed: %s',
    async (_when, isThere) => {
      await withTabs(async (_browser, open) => {
        const early = isThere ? await open('other', NEVER_MS) : undefined
        const owner = await open('owner', NEVER_MS, HELD_AT)
        // A tab learns of one that came later when it renews its claim, or here by the run that it owns.
        await owner.evaluate(() => window.tab.submit('order-1'))
        const other = early ?? (await open('other', NEVER_MS))
        if (early) await early.evaluate(() => window.tab.look())
        await owner.waitForFunction(() => window.tab.report().effects.length === 3)
        await owner.close()
        await other.waitForFunction(() => window.tab.report().ended.length > 0)
        const { ended } = await report(other)
        expect(ended).toHaveLength(1)
        expect(stagesOf(ended[0]!)).toEqual(STAGES)
        expect(tabsOf(ended[0]!)).toEqual(['owner', 'other'])
      })
    },
    120_000,
  )

  it('one that stands still keeps its lock, its claim lapses, and it is told when it goes on', async () => {
    await withTabs(async (browser, open) => {
      const still = await open('still', CLAIM_TTL_MS, HELD_AT)
      const other = await open('other', CLAIM_TTL_MS)
      await still.evaluate(() => window.tab.submit('order-1'))
      await still.waitForFunction(() => window.tab.report().effects.length === 3)
      const session = await browser.context.newCDPSession(still)
      // A page that is in view cannot be frozen, and without windows all are; stopped by a debugger it does as little.
      await session.send('Debugger.enable')
      await session.send('Debugger.pause')
      await other.waitForFunction(() => window.tab.report().ended.length > 0)
      await session.send('Debugger.resume')
      await still.evaluate(() => window.tab.release())
      await still.waitForFunction(() => window.tab.report().faults.includes('FENCED'))
      const { ended } = await report(other)
      expect(ended).toHaveLength(1)
      expect(stagesOf(ended[0]!)).toEqual(STAGES)
      expect(tabsOf(ended[0]!)).toEqual(['still', 'other'])
      expect((await report(still)).ended).toEqual([])
    })
  })
})
