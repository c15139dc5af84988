import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { findChromium } from '../browser/find-chromium.js'
import { runInChromium } from './chromium.js'

interface Outcome {
  readonly title: string
  readonly error?: string
}

const page = fileURLToPath(new URL('fixtures/indexeddb-page.ts', import.meta.url))
const chromium = findChromium()
if (!chromium)
  console.warn('NOT TESTED: IndexedDB storage in a browser. Install it: apt-get install chromium')

describe.skipIf(!chromium)('indexedDbStorage() in Chromium', () => {
  it(
    'does everything the conformance suite asks for, on a real IndexedDB, in the clear and encrypted',
    { timeout: 120_000 },
    async () => {
      const outcomes = await runInChromium<Outcome[]>(page, chromium!)
      expect(outcomes.filter(({ error }) => error !== undefined)).toEqual([])
      expect(outcomes.length).toBeGreaterThan(50)
    },
  )
})
