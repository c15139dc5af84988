import { fileURLToPath } from 'node:url'
import { build } from 'vite'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { WorkerServer, remoteExecutor } from 'busline/remote'
import { alias } from '../../examples/browser/vite.config.js'
import { quietLogger } from '../remote/quiet-logger.js'
import { until } from '../remote/raw-client.js'
import { stepTask, taskControl } from '../remote/step-task.js'
import { openTcpProxy } from '../remote/tcp-proxy.js'
import { findChromium } from './find-chromium.js'
import { type OpenBrowser, openBrowser } from './open-browser.js'

const chromium = findChromium()
let browser: OpenBrowser
let script: string

/** The page's script, built as an application would build it. */
async function buildScript(): Promise<string> {
  const output = await build({
    configFile: false,
    logLevel: 'warn',
    resolve: { alias },
    build: {
      target: 'es2022',
      write: false,
      rolldownOptions: { input: fileURLToPath(new URL('pages/remote-worker-page.ts', import.meta.url)) },
    },
  })
  if (!('output' in output)) throw new TypeError('Vite gave no output')
  const [chunk] = output.output
  return chunk.code
}

describe.skipIf(!chromium)('RemoteWorker in a page, in Chromium', () => {
  beforeAll(async () => {
    script = await buildScript()
    browser = await openBrowser(chromium!)
  })

  afterAll(() => browser?.close())

  /** A server that also serves the page, a way to it that can be cut, and the page, whose worker dials in by that way. */
  async function open() {
    const server = new WorkerServer({
      authToken: 'secret',
      resumeWindow: '30s',
      allowedOrigins: '*',
      logger: quietLogger(),
    })
    onTestFinished(() => server.stop())
    server.addHttpHandler(({ url }, response) => {
      const isScript = url === '/page.js'
      response.writeHead(200, { 'content-type': isScript ? 'text/javascript' : 'text/html' })
      response.end(
        isScript ? script : '<link rel="icon" href="data:,"><script type="module" src="/page.js"></script>',
      )
      return true
    })
    await server.start()
    const executor = remoteExecutor(server)
    onTestFinished(() => executor.close())
    const proxy = await openTcpProxy(server.port!)
    onTestFinished(() => proxy.close())
    const page = await browser.newPage()
    onTestFinished(() => page.close())
    await page.goto(`http://127.0.0.1:${server.port}/?url=${encodeURIComponent(proxy.url)}`)
    await page.waitForFunction(() => document.title === 'ready')
    return { server, executor, proxy, page }
  }

  it('registers with its token, and runs what it is given: results, progress, cancelling', async () => {
    const { server, executor, page } = await open()
    expect(server.getWorkerInfo()).toMatchObject([{ id: 'page', status: 'available', protocol: 2 }])
    expect(await executor.execute(stepTask('agent'), taskControl())).toContain('Chrome')
    const words = Array.from({ length: 200 }, (_, n) => `word ${n}`)
    const shouts = await Promise.all(
      words.map((word) => executor.execute(stepTask('shout', word), taskControl())),
    )
    expect(shouts).toEqual(words.map((word) => word.toUpperCase()))
    expect(await page.evaluate(() => window.done.length)).toBe(200)

    const controller = new AbortController()
    const endless = executor.execute(stepTask('endless'), taskControl({ signal: controller.signal }))
    await until(() => server.getWorkerInfo()[0]!.activeRequests === 1, 'it is in hand')
    controller.abort(new Error('enough'))
    await expect(endless).rejects.toThrow('enough')
    await page.waitForFunction(() => window.done.includes('aborted'))
    expect(browser.takeErrors()).toEqual([])
  })

  it('comes back after a cut and goes on with what it has; nothing is done twice', async () => {
    const { server, executor, proxy, page } = await open()
    const waiting = [1, 2, 3].map((n) => executor.execute(stepTask('wait', n), taskControl()))
    await page.waitForFunction(() => window.begun === 3)
    proxy.cut()
    await until(() => server.status().counters.resumedSessions === 1, 'it has come back')
    await page.evaluate(() => window.openGate())
    expect(await Promise.all(waiting)).toEqual(['waited', 'waited', 'waited'])
    expect(await page.evaluate(() => window.done.length)).toBe(3)
    expect(await page.evaluate(() => window.states)).toEqual([
      'connecting',
      'connected',
      'connecting',
      'connected',
    ])
    expect(server.status().counters).toMatchObject({ disconnects: 0, requestsLost: 0, malformedMessages: 0 })
    browser.takeErrors()
  })

  it('leaves when it is told to, and its requests are given back', async () => {
    const { server, executor, page } = await open()
    const lost: unknown[] = []
    server.onWorkerDisconnected(({ id }, ids) => lost.push([id, ids.length]))
    const waiting = executor.execute(stepTask('wait'), taskControl())
    await until(() => server.getWorkerInfo()[0]!.activeRequests === 1, 'it is in hand')
    await page.evaluate(() => window.worker.stop())
    await until(() => lost.length === 1, 'it has left')
    expect(lost).toEqual([['page', 1]])
    expect(await page.evaluate(() => window.worker.state)).toBe('stopped')
    const rejected = expect(waiting).rejects.toThrow('the executor is closed')
    await executor.close()
    await rejected
  })
})
