import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BrowserContext, type Page, chromium } from 'playwright-core'
import { CHROMIUM_FLAGS } from './find-chromium.js'

export interface OpenBrowser {
  readonly context: BrowserContext
  /** What pages reported as errors since the last call. */
  takeErrors(): string[]
  newPage(): Promise<Page>
  close(): Promise<void>
}

/** A browser with a profile of its own on disk, which goes with it; its clock and words are those of UTC and English. */
export async function openBrowser(executablePath: string): Promise<OpenBrowser> {
  const profile = mkdtempSync(join(tmpdir(), 'busline-browser-'))
  const context = await chromium.launchPersistentContext(profile, {
    executablePath,
    args: CHROMIUM_FLAGS,
    viewport: { width: 1440, height: 900 },
    timezoneId: 'UTC',
    locale: 'en-GB',
    timeout: 60_000,
  })
  const errors: string[] = []
  return {
    context,
    takeErrors: () => errors.splice(0),
    async newPage() {
      const page = await context.newPage()
      page.on('pageerror', (error) => errors.push(error.stack ?? error.message))
      page.on('console', (message) => {
        if (message.type() === 'error') errors.push(message.text())
      })
      return page
    },
    async close() {
      await context.close()
      rmSync(profile, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}
