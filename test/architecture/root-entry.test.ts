import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type BuildResult, type Plugin, build } from 'esbuild'
import { Linter } from 'eslint'
import { build as viteBuild } from 'vite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

/**
 * What browsers, Node, Deno, Bun and workers all have. A global that is not here must not be reached from the root
 * entry: it would be a `ReferenceError` somewhere.
 */
const EVERYWHERE: ReadonlySet<string> = new Set([
  'AbortController',
  'AbortSignal',
  'Blob',
  'BroadcastChannel',
  'DOMException',
  'MessageChannel',
  'TextDecoder',
  'TextEncoder',
  'URL',
  'atob',
  'btoa',
  'clearTimeout',
  'console',
  'crypto',
  'queueMicrotask',
  'setTimeout',
  'structuredClone',
])

/** Globals of single hosts, which are read behind a `typeof` that asks for them, and what for. */
const GUARDED: Readonly<Record<string, string>> = {
  process: 'the environment variables of Node, for `__env__`',
  Deno: 'croner lets a timer of Deno not keep the process alive',
}

/** Globals of browsers in what is loaded on demand, once a browser's store was asked for. */
const ON_DEMAND = /^(indexedDB|IDB[A-Z]\w+)$/

const root = fileURLToPath(new URL('../..', import.meta.url))
// Inside the project, so that what is built finds its dependencies; a folder of its own, so that no other build disturbs it.
mkdirSync(join(root, 'node_modules/.cache'), { recursive: true })
const folder = mkdtempSync(join(root, 'node_modules/.cache/root-entry-'))

const builtins: string[] = []
let bundled: BuildResult<{ write: false; metafile: true }>

beforeAll(async () => {
  await viteBuild({ root, logLevel: 'error', build: { outDir: folder, emptyOutDir: true } })
  bundled = await bundle(join(folder, 'index.js'))
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('the built root entry, with all its chunks and dependencies', () => {
  it('was reached as a whole', () => {
    const inputs = Object.keys(bundled.metafile.inputs).join('\n')
    for (const each of ['index.js', 'node_modules/immer/', 'node_modules/mitt/', 'node_modules/zod/']) {
      expect(inputs).toContain(each)
    }
  })

  it('imports no module of Node, not even on demand', () => {
    expect(builtins).toEqual([])
  })

  it('uses no global that only some hosts have', () => {
    const strange = [...globalsOf(atOnce()), ...globalsOf(onDemand()).filter((name) => !ON_DEMAND.test(name))]
    expect(strange.filter((name) => !EVERYWHERE.has(name) && !Object.hasOwn(GUARDED, name))).toEqual([])
  })

  it('asks for the globals of single hosts before it reads them', () => {
    for (const name of Object.keys(GUARDED)) {
      const users = outputs().filter(({ text }) => undeclared(text).includes(name))
      for (const { text } of users) expect(text).toMatch(new RegExp(`typeof ${name}\\b`))
    }
  })

  it('loads what only browsers have no earlier than it is asked for', () => {
    expect(globalsOf(onDemand()).some((name) => ON_DEMAND.test(name))).toBe(true)
    expect(globalsOf(atOnce()).some((name) => ON_DEMAND.test(name))).toBe(false)
  })
})

describe('the check itself', () => {
  it('sees a DOM global, also in a branch that never runs', () => {
    expect(undeclared('export const width = () => (globalThis.no ? window.innerWidth : 0)')).toEqual([
      'window',
    ])
  })

  it('takes no local name, property or property of globalThis for a global', () => {
    expect(
      undeclared('const document = { body: 1 }; export default [document.body, globalThis.window]'),
    ).toEqual([])
  })
})

interface Output {
  readonly text: string
  readonly isOnDemand: boolean
}

/** The files of the bundle, told apart by whether the entry imports them at once, itself or through others. */
function outputs(): Output[] {
  const { outputs: files } = bundled.metafile
  const imports = (file: string) => files[file]!.imports.filter(({ kind }) => kind === 'import-statement')
  const reached = new Set(
    Object.keys(files).filter((file) => files[file]!.entryPoint === relative(root, join(folder, 'index.js'))),
  )
  for (const file of reached) for (const { path, external } of imports(file)) if (!external) reached.add(path)
  return bundled.outputFiles.map(({ path, text }) => ({
    text,
    isOnDemand: !reached.has(relative(root, path)),
  }))
}

const atOnce = () => outputs().filter(({ isOnDemand }) => !isOnDemand)
const onDemand = () => outputs().filter(({ isOnDemand }) => isOnDemand)

function globalsOf(files: readonly Output[]): string[] {
  return [...new Set(files.flatMap(({ text }) => undeclared(text)))].sort()
}

function bundle(entry: string) {
  return build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    metafile: true,
    format: 'esm',
    splitting: true,
    absWorkingDir: root,
    outdir: join(folder, 'bundle'),
    // Neither browser nor Node: what only one of them could resolve fails here.
    platform: 'neutral',
    mainFields: ['module', 'main'],
    logLevel: 'silent',
    // immer asks for it without a guard; every bundler replaces it, and an import map for bare browsers must, too.
    minifySyntax: true,
    define: { 'process.env.NODE_ENV': '"production"' },
    plugins: [collectBuiltins],
  })
}

/** Notes who imports a module of Node, and goes on, so that the test can tell all of them at once. */
const collectBuiltins: Plugin = {
  name: 'collect-builtins',
  setup(esbuild) {
    const names = builtinModules.join('|').replaceAll('/', '\\/')
    esbuild.onResolve({ filter: new RegExp(`^(node:.*|${names})$`) }, ({ path, importer }) => {
      builtins.push(`${importer.replace(root, '')} → ${path}`)
      return { path, external: true }
    })
  },
}

const known = new Map<string, readonly string[]>()

/** The names a module uses without declaring or importing them, those of the language left out. */
function undeclared(code: string): readonly string[] {
  let names = known.get(code)
  if (!names) known.set(code, (names = findUndeclared(code)))
  return names
}

function findUndeclared(code: string): string[] {
  const messages = new Linter().verify(code, [
    { languageOptions: { ecmaVersion: 2024, sourceType: 'module' }, rules: { 'no-undef': 'error' } },
  ])
  const names = messages.map(({ ruleId, message }) => {
    if (ruleId !== 'no-undef') throw new Error(`The bundle could not be read: ${message}`)
    return /'(.+)'/.exec(message)![1]!
  })
  return [...new Set(names)]
}
