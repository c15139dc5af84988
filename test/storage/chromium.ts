import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const INSTALLED = '/usr/bin/chromium'
const INSTALL_TIMEOUT_MS = 180_000

/** The path of a Chromium; as root on Debian it is installed first. `undefined` when there is none to be had. */
export function findChromium(): string | undefined {
  if (!existsSync(INSTALLED) && process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
    const install = ['install', '-y', '--no-install-recommends', 'chromium']
    const options = {
      timeout: INSTALL_TIMEOUT_MS,
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    }
    if (spawnSync('apt-get', install, options).status !== 0) {
      spawnSync('apt-get', ['update'], options)
      spawnSync('apt-get', install, options)
    }
  }
  return existsSync(INSTALLED) ? INSTALLED : undefined
}

const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** Opens a page in a new profile on disk. Returns how to end the browser and remove the profile. */
export function openPage(chromium: string, url: string): () => Promise<void> {
  const profile = mkdtempSync(join(tmpdir(), 'busline-chromium-'))
  const browser = spawn(chromium, [...FLAGS, `--user-data-dir=${profile}`, url], {
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
