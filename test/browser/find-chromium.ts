import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'

const CHROMIUM = '/usr/bin/chromium'
const INSTALL_TIMEOUT_MS = 240_000

/** How it is started: headless, and no request of its own leaves the machine. */
export const CHROMIUM_FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** The path of a Chromium; as root on Debian it is installed first. `undefined`, and a line that says so, without one. */
export function findChromium(): string | undefined {
  if (!existsSync(CHROMIUM) && process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) install()
  if (existsSync(CHROMIUM)) return CHROMIUM
  console.warn(
    '\n!!! BROWSER TESTS SKIPPED: no /usr/bin/chromium. Install it: apt-get install chromium !!!\n',
  )
  return undefined
}

function install(): void {
  const options = { timeout: INSTALL_TIMEOUT_MS, env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } }
  // Another test file may be installing it at this moment: wait for its lock.
  const locked = ['-o', 'DPkg::Lock::Timeout=200']
  const run = (...args: string[]) => spawnSync('apt-get', [...locked, ...args], options).status === 0
  if (!run('install', '-y', '--no-install-recommends', 'chromium') && run('update')) {
    run('install', '-y', '--no-install-recommends', 'chromium')
  }
}
