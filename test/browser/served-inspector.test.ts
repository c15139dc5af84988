import { fileURLToPath } from 'node:url'
import { build } from 'vite'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { MemoryTimelineStore } from 'busline'
import { WorkerServer, remoteExecutor } from 'busline/remote'
import { RemoteWorker } from 'busline/remote/client'
import { type InspectorServer, serveInspector } from '../../src/inspector/node/index.js'
import { recordDay } from '../inspector/recorded-day.js'
import { quietLogger } from '../remote/quiet-logger.js'
import { until } from '../remote/raw-client.js'
import { stepTask, taskControl } from '../remote/step-task.js'
import { findChromium } from './find-chromium.js'
import { type OpenBrowser, openBrowser } from './open-browser.js'

const chromium = findChromium()
const TOKEN = 'correct horse battery staple'
const images = fileURLToPath(new URL('../../docs/images/', import.meta.url))

let browser: OpenBrowser
let script: string

/** The script of the page, built as the package has it. */
async function buildScript(): Promise<string> {
  const root = fileURLToPath(new URL('../..', import.meta.url))
  const configFile = `${root}vite.config.ts`
  const output = await build({
    root,
    configFile,
    mode: 'inspector-page',
    logLevel: 'warn',
    build: { write: false },
  })
  const [bundle] = Array.isArray(output) ? output : []
  const chunks = bundle?.output.filter((file) => file.type === 'chunk') ?? []
  expect(chunks.map(({ fileName }) => fileName)).toEqual(['page.js'])
  return chunks[0]!.code
}

describe.skipIf(!chromium)('the inspector of a Node runtime, in Chromium', () => {
  beforeAll(async () => {
    script = await buildScript()
    browser = await openBrowser(chromium!)
  })

  afterAll(() => browser?.close())

  const serve = async (allowControl: boolean) => {
    const day = await recordDay()
    const { timelineStore: store, runtime } = day
    const options = { token: TOKEN, allowControl, script: () => Promise.resolve(script), intervalMs: 50 }
    const server: InspectorServer = await serveInspector({ store, runtime }, options)
    const page = await browser.newPage()
    const violations: string[] = []
    page.on('console', (message) => {
      if (/Content Security Policy/i.test(message.text())) violations.push(message.text())
    })
    return {
      ...day,
      server,
      page,
      violations,
      [Symbol.asyncDispose]: () => page.close().then(() => server.close()),
    }
  }

  it('opens with the token of its address, follows what happens, and lets a run be ended', async () => {
    await using opened = await serve(true)
    const { page, server, runtime, waiting, clock, violations } = opened
    await page.goto(server.url)
    await page.locator('.live.on').waitFor()
    expect(page.url()).not.toContain('token')
    await page.locator('.runs .vlist-row', { hasText: 'paused' }).click()
    await page.getByRole('button', { name: 'Signal' }).click()
    await page.getByRole('textbox').last().fill('{ "note": ')
    await page.getByRole('button', { name: 'Send signal' }).click()
    expect(await page.locator('.command-form .bad').innerText()).toMatch(/JSON/)
    await page.getByRole('textbox').last().fill('{ "note": "from afar" }')
    await page.getByRole('button', { name: 'Send signal' }).click()
    await expect
      .poll(() => runtime.watch('orders', waiting.runId)?.state)
      .toMatchObject({ note: 'from afar' })
    await clock.advance('100ms')
    await expect.poll(() => page.locator('.state-panel').innerText()).toContain('from afar')
    await page.getByRole('button', { name: 'Abort', exact: true }).click()
    await page.getByRole('button', { name: 'Abort the run' }).click()
    await expect.poll(() => runtime.watch('orders', waiting.runId)?.status).toBe('aborted')
    await clock.advance('100ms')
    await expect.poll(() => page.locator('.run-head .badge').innerText()).toBe('aborted')
    await expect.poll(() => page.getByRole('button', { name: 'Abort', exact: true }).isVisible()).toBe(false)
    expect(violations).toEqual([])
    expect(browser.takeErrors()).toEqual([])
  })

  it('only looks when that is all that is allowed', async () => {
    await using opened = await serve(false)
    const { page, server } = opened
    await page.goto(server.url)
    await page.locator('.runs .vlist-row', { hasText: 'paused' }).click()
    await page.locator('.run-head h2').waitFor()
    expect(await page.getByRole('button', { name: 'Abort', exact: true }).count()).toBe(0)
    await page.getByRole('tab', { name: 'Receipts' }).click()
    await expect.poll(() => page.locator('.outcome').allInnerTexts()).toContain('dropped')
    expect(browser.takeErrors()).toEqual([])
  })

  it('says that the token is wrong, and that the server is gone', async () => {
    await using opened = await serve(false)
    const { page, server } = opened
    await page.goto(`${new URL(server.url).origin}/#token=wrong`)
    await expect.poll(() => page.locator('.banner').innerText()).toBe('UNAUTHORIZED: The token is wrong')
    await page.goto(`${server.url}`)
    await page.reload()
    await page.locator('.live.on').waitFor()
    await server.close()
    await page.locator('.live.off').waitFor()
    expect(await page.locator('.banner').innerText()).toMatch(/UNAVAILABLE/)
    // Requests that were refused are the point of this test; the browser writes each of them down.
    expect(browser.takeErrors().filter((error) => !/Failed to load resource/.test(error))).toEqual([])
  })

  it('shows the workers of a worker server, live, light and dark; without one there is no such page', async () => {
    const workers = new WorkerServer({ logger: quietLogger() })
    onTestFinished(() => workers.stop())
    await workers.start()
    const executor = remoteExecutor(workers)
    const gates: (() => void)[] = []
    const connect = async (workerId: string, zone: string, maxConcurrentRequests: number) => {
      const wait = () => new Promise<string>((resolve) => gates.push(() => resolve('done')))
      const url = `ws://127.0.0.1:${workers.port}`
      const options = { url, workerId, zone, maxConcurrentRequests, logger: quietLogger() }
      const worker = new RemoteWorker({ ...options, tasks: { [`resize-${zone}`]: wait, now: () => 'now' } })
      onTestFinished(() => worker.stop())
      await worker.start()
    }
    await connect('north-1', 'north', 1)
    await connect('south-1', 'south', 4)
    await executor.execute(stepTask('now'), taskControl())
    const pending = [executor.execute(stepTask('resize-north'), taskControl())]
    await until(() => gates.length === 1, 'it is in hand')

    await using server = await serveInspector(
      { store: new MemoryTimelineStore(), workers },
      { script: () => Promise.resolve(script) },
    )
    const page = await browser.newPage()
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
      await page.goto(server.url)
      await page.getByRole('tab', { name: 'Workers' }).click()
      const rows = page.locator('.workers tbody tr')
      await expect.poll(() => rows.count()).toBe(2)
      expect(await rows.first().innerText()).toMatch(
        /north-1\s+busy\s+1 of 1\s.*\bago\b.*north\s+resize-north, now/s,
      )
      expect(await rows.last().innerText()).toMatch(/south-1\s+available\s+0 of 4/)
      if (process.env['UPDATE_SCREENSHOTS'] !== undefined) {
        const name = colorScheme === 'light' ? 'workers' : 'workers-dark'
        await page.screenshot({ path: `${images}inspector-${name}.png` })
      }
    }
    gates[0]!()
    await Promise.all(pending)
    await expect.poll(() => page.locator('.workers .w-busy').count()).toBe(0)
    expect(await page.locator('.workers-view .figures').innerText()).toMatch(/2\s+workers/)
    expect(await page.locator('.workers-view .figures').innerText()).toMatch(/2\s+completed/)
    await executor.close()
    await page.close()
    expect(browser.takeErrors()).toEqual([])

    await using opened = await serve(false)
    await opened.page.goto(opened.server.url)
    await opened.page.locator('.live.on').waitFor()
    expect(await opened.page.getByRole('tab', { name: 'Workers' }).count()).toBe(0)
  })

  it('serves a store alone, without a runtime', async () => {
    await using server = await serveInspector(
      { store: new MemoryTimelineStore() },
      { script: () => Promise.resolve(script) },
    )
    const page = await browser.newPage()
    await page.goto(server.url)
    await expect.poll(() => page.locator('.runs .vlist-empty').innerText()).toBe('No runs here yet')
    await page.getByRole('tab', { name: 'Queues' }).click()
    await expect.poll(() => page.locator('.notice').innerText()).toContain('There is no runtime to ask')
    await page.close()
    browser.takeErrors()
  })
})
