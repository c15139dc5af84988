import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { findChromium } from '../../browser/find-chromium.js'
import { runInChromium } from '../../storage/chromium.js'
import type { CrashReport } from './crash-page.js'

/** `CRASH_POINTS=all` strikes at each operation; without it a sample is struck. */
const every = process.env['CRASH_POINTS'] === 'all' ? 1 : 13

const page = fileURLToPath(new URL('crash-page.ts', import.meta.url))
const chromium = findChromium()
if (!chromium)
  console.warn('NOT TESTED: crashes on the IndexedDB of a browser. Install it: apt-get install chromium')

describe.skipIf(!chromium)('killed at one of its storage operations, a page leaves runs that go on', () => {
  it("from Chromium's IndexedDB", async () => {
    const { total, struck, survived, violations } = await runInChromium<CrashReport>(
      page,
      chromium!,
      `?every=${every}`,
    )
    console.log(`crash enumeration in Chromium: ${survived} of ${struck} points survived, of ${2 * total}`)
    expect(violations).toEqual([])
    expect(total).toBeGreaterThan(100)
    expect(survived).toBe(struck)
    expect(struck).toBeGreaterThan(20)
  }, 3_600_000)
})
