import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll } from 'vitest'

/** A folder of modules, gone after the tests of a file. */
export function moduleFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'busline-plan-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  const write = (name: string, content: string | object) => {
    const file = join(folder, name)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content))
    return file
  }
  /** A package in the repo, whose module says which version it is. */
  const install = (name: string, version: string) => {
    const place = `node_modules/${name}_${version}`
    write(`${place}/package.json`, { type: 'module', exports: { '.': { import: './main.js' } } })
    write(
      `${place}/main.js`,
      `let count = 0\nexport const version = '${version}'\nexport const next = () => ++count\nexport const fn = (f) => (state) => f(state)\n`,
    )
    return `${name}_${version}`
  }
  return { folder, write, install }
}
