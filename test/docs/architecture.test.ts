import { readFileSync, readdirSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const page = readFileSync(`${root}/docs/architecture.md`, 'utf8')

/** What each folder may import, as the table of the page says. */
const allowed = new Map(
  [...page.matchAll(/^\| `([a-z]+)` \| [^|]+ \| ([^|]*)\|$/gm)].map(
    ([, folder, imports]) => [folder!, [...imports!.matchAll(/`(\w+)`/g)].map(([, name]) => name!)] as const,
  ),
)

/** Modules that a file imports, statically or on demand; types as well. */
function importsOf(path: string): readonly string[] {
  const text = readFileSync(join(root, path), 'utf8')
  return [...text.matchAll(/(?:^|\n)(?:import|export)[^'"]*?from '([^']+)'|import\(\s*'([^']+)'\s*\)/g)].map(
    ([, from, onDemand]) => (from ?? onDemand)!,
  )
}

const resolve = (path: string, to: string) => posix.join(dirname(path), to.replace(/\.js$/, '.ts'))

function filesOf(folder: string): readonly string[] {
  return readdirSync(join(root, 'src', folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => `src/${folder}/${name}`)
}

/** Everything that is reached from the root import, and the packages that this needs. */
function reachFromRoot() {
  const files = new Set(['src/index.ts'])
  const packages = new Set<string>()
  for (const path of files) {
    for (const to of importsOf(path)) {
      if (to.startsWith('.')) files.add(resolve(path, to))
      else packages.add(to)
    }
  }
  return { files, packages }
}

describe('the page of the architecture', () => {
  it('says who imports whom, for each folder of the core, without a way back', () => {
    const folders = [...allowed.keys()]
    expect(folders.length).toBeGreaterThan(8)
    for (const [folder, imports] of allowed) {
      const before = folders.slice(0, folders.indexOf(folder))
      expect(before, folder).toEqual(expect.arrayContaining([...imports]))
    }
  })

  it.each([...allowed.keys()])('is right about what %s imports', (folder) => {
    const wrong = filesOf(folder).flatMap((path) =>
      importsOf(path)
        .filter((to) => to.startsWith('.'))
        .map((to) => resolve(path, to).split('/')[1]!)
        .filter((to) => to !== folder && !allowed.get(folder)!.includes(to))
        .map((to) => `${path} imports ${to}`),
    )
    expect(wrong).toEqual([])
  })

  it('is right that the root reaches nothing of Node, of the tests, or beyond its few packages', () => {
    const { files, packages } = reachFromRoot()
    expect([...packages].sort()).toEqual(['croner', 'idb', 'immer', 'mitt', 'zod/mini'])
    expect([...files].filter((path) => path.startsWith('src/testing/'))).toEqual([])
    expect([...files].filter((path) => /^src\/storage\/(sqlite|postgres|sql)\//.test(path))).toEqual([])
    expect(files.size).toBeGreaterThan(100)
  })
})
