/**
 * A long soak: durable runs of three stages on a SQLite file, fifty at once, those that ended pruned on the way. The last
 * tenth of them is held against the first: memory, the file and what a run costs are to stay flat; exits with 1 where
 * they do not. The table goes to the terminal and into `docs/performance.md`.
 *
 * `npm run bench -- soak`, or `npx tsx bench/soak.ts [runs]`
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { type AnyPipeline, WorkflowRuntime, createEventBus } from '../src/index.js'
import { sqliteStorage } from '../src/storage/sqlite/index.js'
import { align, describeMachine } from './report.js'
import { writeBlock } from './write-block.js'

const total = Number(process.argv[2] ?? 1_000_000)
const CONCURRENCY = 50
const PARTS = 10
/** How many runs that have ended stay; as many are added between two prunes. */
const KEPT = 1000
/** Before anything is measured: what is only loaded, and compiled, once. */
const WARM_UP = Math.max(5 * KEPT, total / 50)
/** The last tenth may exceed the first by so much: the machine is not ours alone. */
const MOST_GROWTH = 1.25

const silent = () => {}
const step = (id: string) => ({ id, steps: { work: () => ({ [id]: 'x'.repeat(200) }) } })
const main: AnyPipeline = { id: 'main', stages: ['a', 'b', 'c'].map(step) }

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

const folder = mkdtempSync(join(tmpdir(), 'busline-soak-'))
const file = join(folder, 'soak.db')
const storage = sqliteStorage({ file })
const runtime = new WorkflowRuntime({
  bus: createEventBus(),
  storage,
  logger: { debug: silent, info: silent, warn: silent, error: silent },
})
await runtime.register({ id: 'soak', triggers: { on: { event: 'go' } }, pipelines: { main } })

interface Part {
  readonly runsPerSecond: number
  /** Of a processor, per run, microseconds: unlike the time it takes, it does not hang on who else works here. */
  readonly cpuUs: number
  readonly heapMb: number
  readonly processMb: number
  readonly fileMb: number
}

async function soak(runs: number, name: string): Promise<Part> {
  const before = process.cpuUsage()
  const startedAt = performance.now()
  let next = 0
  const worker = async () => {
    while (next < runs) {
      const run = ++next
      const result = await runtime.invoke('soak', 'on', {})
      if (!result.ok) throw result.error
      if (run % KEPT === 0) await prune(`${name}: ${run} of ${runs}`)
    }
  }
  await Promise.all(Array.from({ length: CONCURRENCY }, worker))
  await prune(name)
  const { user, system } = process.cpuUsage(before)
  const seconds = (performance.now() - startedAt) / 1000
  collectGarbage()
  const { heapUsed, rss } = process.memoryUsage()
  return {
    runsPerSecond: runs / seconds,
    cpuUs: (user + system) / runs,
    heapMb: heapUsed / 1e6,
    processMb: rss / 1e6,
    fileMb: (statSync(file).size + statSync(`${file}-wal`).size) / 1e6,
  }
}

async function prune(progress: string): Promise<void> {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001B[2K${progress}`)
  const answer = await runtime.prune({ maxRuns: KEPT, rememberIds: 0 })
  if (!answer.ok) throw answer.error
}

function row(name: string, { runsPerSecond, cpuUs, heapMb, processMb, fileMb }: Part): string[] {
  const figures = [runsPerSecond, cpuUs].map((figure) => Math.round(figure).toLocaleString('en'))
  return [name, ...figures, ...[heapMb, processMb, fileMb].map((figure) => figure.toFixed(1))]
}

const startedAt = performance.now()
const loadBefore = loadavg()[0]!
await soak(WARM_UP, 'warming up')
const parts: Part[] = []
for (let part = 1; part <= PARTS; part++) {
  parts.push(await soak(Math.ceil(total / PARTS), `tenth ${part}`))
  if (process.stderr.isTTY) process.stderr.write('\r\u001B[2K')
  console.log(row(`tenth ${part}`, parts.at(-1)!).join('  '))
}
const [first, last] = [parts[0]!, parts.at(-1)!]
const lines = [
  `**${total.toLocaleString('en')} durable runs of three stages on SQLite, ${CONCURRENCY} at a time, the last ${KEPT.toLocaleString('en')} kept**`,
  '',
  ...align([
    ['', 'runs/s', 'µs of a processor per run', 'heap, MB', 'process, MB', 'file, MB'],
    row('first tenth', first),
    row('fifth tenth', parts[4]!),
    row('last tenth', last),
  ]),
  '',
  `${Math.round((performance.now() - startedAt) / 60_000)} minutes, load ${loadBefore.toFixed(1)} before and ${loadavg()[0]!.toFixed(1)} after.`,
]
const promises = {
  cpuUs: 'cost of a run',
  heapMb: 'heap',
  processMb: 'memory of the process',
  fileMb: 'file',
}
for (const [name, what] of Object.entries(promises) as [keyof typeof promises, string][]) {
  const growth = last[name] / first[name]
  const isMet = growth <= MOST_GROWTH
  lines.push(
    '',
    `Goal: the ${what} of the last tenth within ${MOST_GROWTH} times that of the first. ${isMet ? 'Met' : '**Missed**'}: ${growth.toFixed(2)}.`,
  )
  if (!isMet) process.exitCode = 1
}
console.log(lines.join('\n'))
writeBlock('soak', `${describeMachine()}, ${new Date().toISOString().slice(0, 10)}.\n\n${lines.join('\n')}`)
await runtime.stop()
await storage.close()
rmSync(folder, { recursive: true })
