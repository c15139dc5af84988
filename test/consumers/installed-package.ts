import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** A project of somebody else that has Busline installed as it would be published. */
export interface ConsumerProject {
  readonly folder: string
  remove(): void
}

/** Packs the built package once, and puts it into a copy of a project under `test/consumers/projects`. */
export function installInto(project: string): ConsumerProject {
  if (!existsSync(join(root, 'dist/index.js')))
    throw new Error('There is no dist/: run `npm run build` first')
  const folder = mkdtempSync(join(tmpdir(), `busline-consumer-${project}-`))
  cpSync(join(root, 'test/consumers/projects', project), folder, { recursive: true })
  const packed = execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const [{ filename }] = JSON.parse(packed) as [{ filename: string }]
  const installed = join(folder, 'node_modules/busline')
  mkdirSync(installed, { recursive: true })
  execFileSync('tar', ['-xzf', join(folder, filename), '-C', installed, '--strip-components=1'])
  // What npm would install beside it: the dependencies of the package, and nothing that it only develops with.
  for (const name of ['croner', 'idb', 'immer', 'mitt', 'zod', '@types/node']) {
    const target = join(folder, 'node_modules', name)
    mkdirSync(dirname(target), { recursive: true })
    symlinkSync(join(root, 'node_modules', name), target)
  }
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) }
}
