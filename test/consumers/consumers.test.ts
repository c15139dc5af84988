import { execFileSync, spawnSync } from 'node:child_process'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build as esbuild } from 'esbuild'
import { build as viteBuild } from 'vite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findChromium } from '../browser/find-chromium.js'
import { type OpenBrowser, openBrowser } from '../browser/open-browser.js'
import { type ConsumerProject, installInto } from './installed-package.js'

const tsc = fileURLToPath(new URL('../../node_modules/typescript/bin/tsc', import.meta.url))

describe('a consumer in TypeScript', () => {
  let project: ConsumerProject
  beforeAll(() => void (project = installInto('typescript')))
  afterAll(() => project?.remove())

  for (const [module, resolution] of [
    ['esnext', 'bundler'],
    ['nodenext', 'nodenext'],
  ] as const) {
    it(`compiles strictly, declarations included, with moduleResolution ${resolution}, and runs`, () => {
      const compilerOptions = {
        target: 'es2022',
        lib: ['es2023', 'dom', 'esnext.disposable'],
        module,
        moduleResolution: resolution,
        types: ['node'],
        strict: true,
        exactOptionalPropertyTypes: true,
        noUncheckedIndexedAccess: true,
        // Our declarations are checked once; the second way is about finding them.
        skipLibCheck: resolution === 'nodenext',
        outDir: 'out',
      }
      writeFileSync(
        join(project.folder, 'tsconfig.json'),
        JSON.stringify({ compilerOptions, files: ['main.ts'] }),
      )
      const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', project.folder], {
        encoding: 'utf8',
      })
      expect(stdout).toBe('')
      expect(status).toBe(0)
      const said = execFileSync(process.execPath, [join(project.folder, 'out/main.js')], { encoding: 'utf8' })
      expect(said.split('\n').slice(0, 2)).toEqual(['tax 10, sum 60', 'succeeded'])
    })
  }
})

describe('a consumer in JavaScript', () => {
  let project: ConsumerProject
  beforeAll(() => void (project = installInto('javascript')))
  afterAll(() => project?.remove())
  const expected = "{ asked: true, by: 'Ada' }\nfunction\n"

  it('runs in plain Node', () => {
    const main = join(project.folder, 'main.mjs')
    expect(execFileSync(process.execPath, [main], { encoding: 'utf8' })).toBe(expected)
  })

  it('runs bundled by esbuild into one file', async () => {
    const outfile = join(project.folder, 'bundle.mjs')
    const { warnings } = await esbuild({
      entryPoints: [join(project.folder, 'main.mjs')],
      bundle: true,
      format: 'esm',
      platform: 'neutral',
      mainFields: ['module', 'main'],
      minify: true,
      outfile,
      logLevel: 'silent',
    })
    expect(warnings).toEqual([])
    expect(execFileSync(process.execPath, [outfile], { encoding: 'utf8' })).toBe(expected)
  })
})

const chromium = findChromium()

describe.skipIf(!chromium)('a consumer of Vite, in Chromium', () => {
  let project: ConsumerProject
  let browser: OpenBrowser
  beforeAll(async () => {
    project = installInto('page')
    browser = await openBrowser(chromium!)
  })
  afterAll(async () => {
    await browser?.close()
    project?.remove()
  })

  it('builds a page that runs a workflow on IndexedDB', async () => {
    const outDir = join(project.folder, 'out')
    await viteBuild({ root: project.folder, configFile: false, logLevel: 'silent', build: { outDir } })
    const server = createServer((request, response) => {
      const path = request.url === '/' ? '/index.html' : request.url!
      const type = path.endsWith('.html') ? 'text/html' : 'text/javascript'
      response.writeHead(200, { 'content-type': type }).end(readFileSync(join(outDir, path)))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    try {
      const page = await browser.newPage()
      await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
      const result = page.locator('#result')
      await expect.poll(() => result.textContent()).toBe('Hello, page')
      expect(browser.takeErrors()).toEqual([])
    } finally {
      server.closeAllConnections()
      server.close()
    }
  })
})
