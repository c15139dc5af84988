/**
 * Builds the documentation site into `docs/dist/site`: the guides by VitePress, the reference by TypeDoc from the doc
 * comments, the mode simulator by Vite. `npm run docs`; what it needs is installed beside this file on first use.
 */
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { entries } from '../vite.config.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const docs = join(root, 'docs')
const site = join(docs, 'dist/site')

if (!existsSync(join(docs, 'node_modules/vitepress'))) {
  step(
    'install VitePress',
    'npm',
    ['install', '--no-package-lock', '--no-fund', '--no-audit', '--loglevel', 'error'],
    docs,
  )
}
step('guides', 'npx', ['--no-install', 'vitepress', 'build', '.'], docs)
step('reference', 'npx', [
  '--no-install',
  'typedoc',
  ...['--out', join(site, 'reference'), '--name', 'Busline', '--titleLink', '../index.html'],
  ...['--readme', 'none', '--disableSources', '--favicon', join(docs, 'public/favicon.svg')],
  ...['--logLevel', 'Error', '--excludeInternal', '--hideGenerator', '--treatWarningsAsErrors', 'false'],
  ...Object.values(entries).flatMap((entry) => ['--entryPoints', entry]),
])
step('mode simulator', 'npx', [
  ...['--no-install', 'vite', 'build', '--config', 'docs/simulator/vite.config.ts', '--logLevel', 'warn'],
  ...['--outDir', join(site, 'simulator')],
])
console.log('The site is in docs/dist/site: look at it with `npx vite preview --outDir docs/dist/site`')

function step(name: string, command: string, args: readonly string[], cwd = root): void {
  const begun = Date.now()
  execFileSync(command, args, { cwd, stdio: ['ignore', 'ignore', 'inherit'] })
  console.log(`${name}: ${((Date.now() - begun) / 1000).toFixed(1)} s`)
}
