import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { afterAll } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

/**
 * Makes scripts of `test/workers/scripts` into JavaScript that a thread can load, and gives their paths. They are gone after
 * the tests of the file that asked.
 */
export async function buildScripts<const Names extends readonly string[]>(
  ...names: Names
): Promise<Readonly<Record<Names[number], string>>> {
  // Within the repository, where the packages are found.
  mkdirSync(join(root, 'node_modules/.cache'), { recursive: true })
  const folder = mkdtempSync(join(root, 'node_modules/.cache/worker-scripts-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  await build({
    entryPoints: names.map((name) => join(root, 'test/workers/scripts', `${name}.ts`)),
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    logLevel: 'silent',
  })
  return Object.fromEntries(names.map((name) => [name, join(folder, `${name}.mjs`)])) as Record<
    Names[number],
    string
  >
}
