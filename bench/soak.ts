/**
 * A long soak: durable runs of three stages on an SQLite file, fifty at once, those that ended pruned on the way. Memory, the file
 * and the cost of a run are to stay flat; exits with 1 where they do not.
 *
 * `npm run bench -- soak`, or `node --expose-gc --import tsx bench/soak.ts [runs]`
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type AnyPipeline, WorkflowRuntime, createEventBus } from '../src/index.js'
import { sqliteStorage } from '../src/storage/sqlite/index.js'

const total = Number(process.argv[2] ?? 1_000_000)
const CONCURRENCY = 50
const PARTS = 20
/** How many runs that have ended stay. */
const KEPT = 1000
/** The median of the last half of the parts may exceed that of the first by so much: the machine is not ours alone. */
const MOST_GROWTH = 1.5

const silent = () => {}
const step = (id: string) => ({ id, steps: { work: () => ({ [id]: 'x'.repeat(200) }) } })
const main: AnyPipeline = { id: 'main', stages: ['a', 'b', 'c'].map(step) }

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
  readonly cpuMs: number
  readonly heapMb: number
  readonly fileMb: number
}

async function soak(runs: number): Promise<Part> {
  const before = process.cpuUsage()
  const startedAt = performance.now()
  let next = 0
  const worker = async () => {
    while (next < runs) {
      next++
      const result = await runtime.invoke('soak', 'on', {})
      if (!result.ok) throw result.error
      if (next % KEPT === 0) await prune()
    }
  }
  await Promise.all(Array.from({ length: CONCURRENCY }, worker))
  await prune()
  const { user, system } = process.cpuUsage(before)
  const seconds = (performance.now() - startedAt) / 1000
  globalThis.gc?.()
  const part = {
    cpuMs: (user + system) / 1000 / runs,
    heapMb: process.memoryUsage().heapUsed / 1e6,
    fileMb: statSync(file).size / 1e6,
  }
  const figures = [
    `${(runs / seconds).toFixed(0)} runs/s`,
    `${part.cpuMs.toFixed(3)} ms of processor a run`,
    `heap ${part.heapMb.toFixed(1)} MB`,
    `file ${part.fileMb.toFixed(1)} MB`,
  ]
  console.log(figures.join(', '))
  return part
}

async function prune(): Promise<void> {
  const answer = await runtime.prune({ maxRuns: KEPT, rememberIds: 0 })
  if (!answer.ok) throw answer.error
}

// What is only loaded, and compiled, once.
await soak(Math.ceil(total / PARTS))
const parts: Part[] = []
for (let part = 1; part < PARTS; part++) parts.push(await soak(Math.ceil(total / PARTS)))
const [beginning, end] = [parts.slice(0, PARTS / 2), parts.slice(PARTS / 2)]
for (const name of ['cpuMs', 'heapMb', 'fileMb'] as const) {
  const growth = median(end.map((each) => each[name])) / median(beginning.map((each) => each[name]))
  console.log(`${name}: ${growth.toFixed(2)} times what it was in the first half`)
  if (growth > MOST_GROWTH) process.exitCode = 1
}
await runtime.stop()
await storage.close()
rmSync(folder, { recursive: true })

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!
}
