/**
 * `npm run bench` measures everything, `npm run bench -- NAME…` the workloads of these names (or that begin so).
 * Tables go to the terminal and into `docs/performance.md`, figures as JSON and charts as SVG to `docs/performance/`.
 * Peers are installed here, in `bench/`, when they are missing. Exits with 1 when a goal was missed.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { format, resolveConfig } from 'prettier'
import { hold } from './contest.js'
import { describeMachine, toChart, toTable } from './report.js'
import { PROGRAMS, WORKLOADS } from './workloads.js'
import { writeBlock } from './write-block.js'

const here = fileURLToPath(new URL('.', import.meta.url))
const root = fileURLToPath(new URL('..', import.meta.url))
const target = `${root}docs/performance/`

const wanted = process.argv.slice(2)
const isWanted = ({ name }: { readonly name: string }) =>
  wanted.length === 0 || wanted.some((each) => name === each || name.startsWith(`${each}-`))
const workloads = WORKLOADS.filter(isWanted)
const programs = PROGRAMS.filter(isWanted)
  .filter(({ file }) => existsSync(here + file))
  .filter(({ isLong }) => wanted.length > 0 || !isLong)
if (workloads.length + programs.length === 0) {
  const names = [...WORKLOADS, ...PROGRAMS].map(({ name }) => name).join(', ')
  throw new Error(`There is no workload ${wanted.join(', ')}: there are ${names}`)
}

installPeers()
// What is measured is the built package, in a folder of its own: other builds do not disturb it.
command('npx', ['vite', 'build', '--logLevel', 'warn', '--outDir', 'bench/dist', '--emptyOutDir'])
mkdirSync(target, { recursive: true })
console.log(`${describeMachine()}\n`)

let missed = 0
for (const workload of workloads) {
  const outcome = await hold(workload, (text) => {
    if (process.stderr.isTTY) process.stderr.write(`\r\u001B[2K${workload.name}, ${text}`)
  })
  if (process.stderr.isTTY) process.stderr.write('\r\u001B[2K')
  const table = toTable(outcome)
  console.log(`${table}\n`)
  missed += outcome.verdicts.filter(({ isMet }) => !isMet).length
  await write(`${workload.name}.json`, JSON.stringify({ machine: describeMachine(), ...outcome }))
  await write(`${workload.name}.svg`, toChart(outcome))
  // A chart of two bars says no more than their ratio.
  const chart =
    outcome.standings.length > 2 ? `\n\n![${outcome.title}](performance/${workload.name}.svg)` : ''
  writeBlock(workload.name, `${describeMachine()}, ${outcome.measuredAt.slice(0, 10)}.\n\n${table}${chart}`)
}
// A program that misses its goal, or fails, says so itself and exits with 1: the others go on.
for (const { file } of programs) {
  const { status } = spawnSync('npx', ['tsx', `bench/${file}`], { cwd: root, stdio: 'inherit' })
  if (status !== 0) missed++
}
if (missed > 0) process.exitCode = 1

function installPeers(): void {
  const { devDependencies } = JSON.parse(readFileSync(`${here}package.json`, 'utf8')) as {
    devDependencies: Record<string, string>
  }
  const isInstalled = ([name, version]: [string, string]) => {
    const manifest = `${here}node_modules/${name}/package.json`
    if (!existsSync(manifest)) return false
    return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version === version
  }
  if (Object.entries(devDependencies).every(isInstalled)) return
  command('npm', ['install', '--prefix', 'bench', '--no-package-lock', '--no-audit', '--no-fund'])
}

function command(name: string, args: readonly string[]): void {
  execFileSync(name, args, { cwd: root, stdio: 'inherit' })
}

async function write(name: string, text: string): Promise<void> {
  const path = target + name
  const isJson = name.endsWith('.json')
  writeFileSync(path, isJson ? await format(text, { ...(await resolveConfig(path)), filepath: path }) : text)
}
