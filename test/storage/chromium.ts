import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
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
