/**
 * What an application pays for `import … from 'busline'` before it has used anything: the built root entry with its
 * dependencies, bundled by esbuild, minified, `gzip -9`; what is loaded on demand is told apart. Fails above the limit.
 *
 * `npm run size` after a build; `npm run size -- --write` writes the figures to `docs/performance.md`, too.
 */
import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { type BuildOptions, type Metafile, type OutputFile, build } from 'esbuild'
import { entries } from '../vite.config.js'
import { writeBlock } from './write-block.js'

/** What was promised, in kB of 1000 bytes. */
const LIMIT_KB = 30

const root = fileURLToPath(new URL('..', import.meta.url))
const entry = 'dist/index.js'
if (!existsSync(root + entry)) throw new Error('There is no dist/: run `npm run build` first')

const common = {
  absWorkingDir: root,
  bundle: true,
  minify: true,
  write: false,
  metafile: true,
  splitting: true,
  format: 'esm',
  platform: 'neutral',
  mainFields: ['module', 'main'],
  outdir: 'size',
  define: { 'process.env.NODE_ENV': '"production"' },
  // Drivers of databases are the application's own; only their stores name them, on demand.
  external: [
    'node:*',
    'better-sqlite3',
    'libsql',
    'pg',
    'drizzle-orm',
    'drizzle-orm/*',
    'ws',
    'quickjs-emscripten-core',
    '@jitl/*',
    'es-module-lexer',
  ],
} satisfies BuildOptions

const built = await bundle(entry)
// The same code, file by file, for who costs what.
const sources = await bundle('src/index.ts')

const atOnce = reachedAtOnce(built.metafile, entry)
const atOnceKb = sum(built.outputFiles.filter((file) => atOnce.has(nameOf(file))).map(gzipKb))
const onDemandKb = sum(built.outputFiles.map(gzipKb)) - atOnceKb
const leastKb = await sizeOfLeast()
const report = [
  `Root entry with its dependencies: **${atOnceKb.toFixed(1)} kB** minified and gzipped; promised are at most ${LIMIT_KB} kB.`,
  '',
  `An application that names nothing but \`createEventBus\`, \`WorkflowRuntime\` and \`defineWorkflow\`: ${leastKb.toFixed(1)} kB.`,
  '',
  `All that may be loaded on demand, the engine, stores, schemas and schedules among it: ${onDemandKb.toFixed(1)} kB.`,
  '',
  ...table(sources.metafile),
  '',
  'The parts are compressed together; their gzipped sizes are their shares by minified bytes.',
  '',
  ...(await entryTable()),
].join('\n')
console.log(report)
if (process.argv.includes('--write')) writeBlock('size', report)
if (atOnceKb > LIMIT_KB) {
  console.error(`\nThe root entry is above ${LIMIT_KB} kB: make it smaller, or load on demand what few need`)
  process.exitCode = 1
}

/** What each entry point costs by itself, dependencies and what it shares with the root included; optional peers are not. */
async function entryTable(): Promise<string[]> {
  const rows: string[] = []
  for (const name of Object.keys(entries)) {
    const file = `dist/${name}.js`
    const { metafile, outputFiles } = await bundle(file)
    const reached = reachedAtOnce(metafile, file)
    const now = sum(outputFiles.filter((output) => reached.has(nameOf(output))).map(gzipKb))
    const later = sum(outputFiles.map(gzipKb)) - now
    const subpath = name.replace(/\/?index$/, '')
    const shown = `busline${subpath === '' ? '' : `/${subpath}`}`
    rows.push(`| \`${shown}\` | ${now.toFixed(1)} | ${later < 0.05 ? '' : later.toFixed(1)} |`)
  }
  return ['| entry | at once, kB gzipped | on demand |', '| --- | ---: | ---: |', ...rows]
}

/** What is left of the root entry where a bundler drops what is not named. */
async function sizeOfLeast(): Promise<number> {
  const contents = `export { WorkflowRuntime, createEventBus, defineWorkflow } from './${entry}'`
  const { metafile, outputFiles } = await build({
    ...common,
    stdin: { contents, resolveDir: root, sourcefile: 'least.js' },
  })
  const reached = reachedAtOnce(metafile, 'least.js')
  return sum(outputFiles.filter((file) => reached.has(nameOf(file))).map(gzipKb))
}

function bundle(from: string) {
  return build({ ...common, entryPoints: [from] })
}

/** The outputs that the entry imports, itself or through others, without being asked for one by one. */
function reachedAtOnce({ outputs }: Metafile, from: string): ReadonlySet<string> {
  const reached = new Set(Object.keys(outputs).filter((file) => outputs[file]!.entryPoint === from))
  for (const file of reached) {
    for (const { kind, path, external } of outputs[file]!.imports) {
      if (kind === 'import-statement' && !external) reached.add(path)
    }
  }
  return reached
}

/** Who costs what: packages, and folders of `src/`. */
function table(metafile: Metafile): string[] {
  const now = reachedAtOnce(metafile, 'src/index.ts')
  const parts = new Map<string, { atOnce: number; onDemand: number }>()
  for (const [file, { inputs }] of Object.entries(metafile.outputs)) {
    const side = now.has(file) ? 'atOnce' : 'onDemand'
    for (const [input, { bytesInOutput }] of Object.entries(inputs)) {
      const name = partOf(input)
      const part = parts.get(name) ?? { atOnce: 0, onDemand: 0 }
      part[side] += bytesInOutput
      parts.set(name, part)
    }
  }
  const minified = sum([...parts.values()].map((part) => part.atOnce))
  const rows = [...parts]
    .filter(([, part]) => part.atOnce + part.onDemand > 0)
    .sort(([, one], [, other]) => other.atOnce - one.atOnce || other.onDemand - one.onDemand)
  return [
    '| part | minified, bytes | ≈ gzipped, kB | on demand, minified |',
    '| --- | ---: | ---: | ---: |',
    ...rows.map(([name, part]) => {
      const share = ((part.atOnce / minified) * atOnceKb).toFixed(1)
      return `| ${name} | ${part.atOnce} | ${part.atOnce > 0 ? share : ''} | ${part.onDemand || ''} |`
    }),
    `| **all** | ${minified} | ${atOnceKb.toFixed(1)} | ${sum([...parts.values()].map((part) => part.onDemand))} |`,
  ]
}

function partOf(input: string): string {
  const found = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(input)
  return found ? found[1]! : dirname(input)
}

function nameOf({ path }: OutputFile): string {
  return path.slice(root.length)
}

function gzipKb({ contents }: OutputFile): number {
  return gzipSync(contents, { level: 9 }).length / 1000
}

function sum(figures: readonly number[]): number {
  return figures.reduce((total, each) => total + each, 0)
}
