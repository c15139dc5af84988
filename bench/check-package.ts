/**
 * Packs the package as it would be published and looks at it with the eyes of its users: publint for bundlers and
 * registries, `attw` for TypeScript under each way of resolving modules. Needs a build; fails on any problem.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'busline-package-'))
try {
  const packed = execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const [{ filename, files, size }] = JSON.parse(packed) as [
    { filename: string; files: { path: string }[]; size: number },
  ]
  const tarball = join(folder, filename)
  console.log(`${files.length} files, ${Math.round(size / 1000)} kB packed`)
  const strange = files.filter(
    ({ path }) => !/^(dist\/|package\.json$|README\.md$|LICENSE$|CHANGELOG\.md$)/.test(path),
  )
  if (strange.length > 0) fail(`Not meant to be published: ${strange.map(({ path }) => path).join(', ')}`)
  check('publint', ['run', tarball, '--strict', '--pack', 'false'])
  // ESM only: `require()` and the resolution of TypeScript before subpath exports are not promised.
  check('attw', [tarball, '--profile', 'esm-only', '--no-emoji', '--format', 'table-flipped'])
} finally {
  rmSync(folder, { recursive: true, force: true })
}

function check(tool: string, args: readonly string[]): void {
  const { status, stdout, stderr } = spawnSync('npx', ['--no-install', tool, ...args], {
    cwd: root,
    encoding: 'utf8',
  })
  if (status === 0) return console.log(`${tool}: no problem`)
  fail(`${tool} found problems:\n${stdout}${stderr}`)
}

function fail(message: string): void {
  console.error(message)
  process.exitCode = 1
}
