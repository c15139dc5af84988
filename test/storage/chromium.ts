import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { CHROMIUM_FLAGS } from '../browser/find-chromium.js'

/** Opens a page in a new profile on disk. Returns how to end the browser and remove the profile. */
export function openPage(chromium: string, url: string): () => Promise<void> {
  const profile = mkdtempSync(join(tmpdir(), 'busline-chromium-'))
  const browser = spawn(chromium, [...CHROMIUM_FLAGS, `--user-data-dir=${profile}`, url], {
    stdio: 'ignore',
    // A group of its own: its many processes are ended together.
    detached: true,
  })
  const end = () => {
    if (browser.pid !== undefined && browser.exitCode === null) process.kill(-browser.pid, 'SIGKILL')
  }
  // A test run that is broken off must not leave it behind.
  process.once('exit', end)
  const ended = new Promise<void>((resolve) => browser.once('exit', () => resolve()))
  return async () => {
    end()
    await ended
    process.off('exit', end)
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 })
  }
}

export interface ServedPage<Outcome> {
  readonly url: string
  /** What the page sends home in a POST request. */
  readonly outcome: Promise<Outcome>
  close(): void
}

/** Serves a module, bundled, as a page. */
export async function servePage<Outcome>(entry: string): Promise<ServedPage<Outcome>> {
  const bundle = await build({
    entryPoints: [entry],
    bundle: true,
    format: 'esm',
    write: false,
    target: 'es2022',
    // Modules that are imported for being there are kept.
    ignoreAnnotations: true,
    logLevel: 'error',
    alias: { busline: fileURLToPath(new URL('../../src/index.ts', import.meta.url)) },
  })
  const script = bundle.outputFiles[0]!.text
  let receive!: (outcome: Outcome) => void
  const outcome = new Promise<Outcome>((resolve) => (receive = resolve))
  const server = createServer((request, response) => {
    if (request.method === 'POST') {
      let body = ''
      request.on('data', (chunk: Buffer) => (body += chunk.toString()))
      request.on('end', () => {
        response.end()
        receive(JSON.parse(body) as Outcome)
      })
    } else if (request.url === '/script.js') {
      response.setHeader('content-type', 'text/javascript').end(script)
    } else {
      response.setHeader('content-type', 'text/html').end('<script type="module" src="/script.js"></script>')
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    outcome,
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
}

/** Opens a module as a page, and resolves to what that sends home. */
export async function runInChromium<Outcome>(entry: string, binary: string, search = ''): Promise<Outcome> {
  const page = await servePage<Outcome>(entry)
  const end = openPage(binary, page.url + search)
  try {
    return await page.outcome
  } finally {
    await end()
    page.close()
  }
}
