/**
 * Durable runs on a SQLite file, against the same engine writing the same by hand, in the same process: three stages at a
 * concurrency of 1 and 50, and the recovery of unfinished runs against reading their rows.
 *
 * `npx tsx bench/durable.ts [runs] [unfinished]`
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'libsql'
import { type AnyPipeline, WorkflowRuntime, createEventBus, pause } from '../src/index.js'
import { sqliteStorage } from '../src/storage/sqlite/index.js'
import type { StorageDriver, StorageOperation } from '../src/storage/storage-driver.js'

const runs = Number(process.argv[2] ?? 1000)
const unfinished = Number(process.argv[3] ?? 10_000)
const folder = mkdtempSync(join(tmpdir(), 'busline-bench-'))
let files = 0
const newFile = () => join(folder, `${++files}.db`)
const silent = () => {}
const logger = { debug: silent, info: silent, warn: silent, error: silent }

const step = (id: string) => ({ id, steps: { work: () => ({ [id]: 'x'.repeat(200) }) } })
const threeStages: AnyPipeline = { id: 'main', stages: ['a', 'b', 'c'].map(step) }
const waiting: AnyPipeline = {
  id: 'main',
  stages: [{ id: 'wait', router: () => pause({ timeout: Infinity }) }, step('a')],
}

async function open(storage: StorageDriver, pipeline: AnyPipeline) {
  const runtime = new WorkflowRuntime({ bus: createEventBus(), storage, logger })
  await runtime.register({ id: 'bench', triggers: { on: { event: 'go' } }, pipelines: { main: pipeline } })
  return runtime
}

/** Passes a store's commits on and keeps them, so that they can be made again by hand. */
function recording(storage: StorageDriver, commits: (readonly StorageOperation[])[]): StorageDriver {
  return {
    name: storage.name,
    isDurable: true,
    get: (key) => storage.get(key),
    scan: (options) => storage.scan(options),
    commit: (operations) => {
      commits.push(operations)
      return storage.commit(operations)
    },
    close: () => storage.close(),
    [Symbol.asyncDispose]: () => storage.close(),
  }
}

/** Calls `act` for each number, `concurrency` at a time; resolves to the seconds it took. */
async function timed(count: number, concurrency: number, act: (index: number) => Promise<unknown>) {
  let next = 0
  const startedAt = performance.now()
  const worker = async () => {
    while (next < count) await act(next++)
  }
  await Promise.all(Array.from({ length: concurrency }, worker))
  return (performance.now() - startedAt) / 1000
}

async function measureRuns(concurrency: number) {
  const commits: (readonly StorageOperation[])[] = []
  const warm = sqliteStorage({ file: newFile() })
  const first = await open(recording(warm, commits), threeStages)
  await timed(runs, concurrency, () => first.invoke('bench', 'on', {}))
  await first.stop()
  await warm.close()

  const storage = sqliteStorage({ file: newFile() })
  const runtime = await open(storage, threeStages)
  const ours = await timed(runs, concurrency, () => runtime.invoke('bench', 'on', {}))
  await runtime.stop()
  await storage.close()

  // The very commits of those runs, without conditions, by as many writers at once.
  const raw = sqliteStorage({ file: newFile() })
  const writes = commits.map((each) => each.filter(({ type }) => type !== 'expect'))
  const byHand = await timed(writes.length, concurrency, (index) => raw.commit(writes[index]!))
  await raw.close()
  const perRun = commits.length / runs
  console.log(
    `${concurrency} at once: ${(runs / ours).toFixed(0)} runs/s, the same ${perRun.toFixed(1)} commits each by hand ` +
      `${(runs / byHand).toFixed(0)} runs/s: ratio ${(byHand / ours).toFixed(2)}`,
  )
}

/** A run at a time, against three transactions by hand that each store one record of the same state, flushed like ours. */
async function measureOneByOne() {
  const rounds = 5
  const raw = new Database(newFile())
  raw.exec(
    'PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE runs (key TEXT PRIMARY KEY, json TEXT)',
  )
  const put = raw.prepare('INSERT OR REPLACE INTO runs VALUES (?, ?)')
  const state = JSON.stringify({ a: 'x'.repeat(200), b: 'x'.repeat(200), c: 'x'.repeat(200) })
  const storage = sqliteStorage({ file: newFile() })
  const runtime = await open(storage, threeStages)
  const times: { ours: number; byHand: number }[] = []
  for (let round = 0; round <= rounds; round++) {
    const byHand = await timed(runs / rounds, 1, (index) => {
      for (let stage = 0; stage < 3; stage++) {
        raw.exec('BEGIN IMMEDIATE')
        put.run(`${round}-${index}`, state)
        raw.exec('COMMIT')
      }
      return Promise.resolve()
    })
    const ours = await timed(runs / rounds, 1, () => runtime.invoke('bench', 'on', {}))
    // The first round is for the compiler.
    if (round > 0) times.push({ ours, byHand })
  }
  const ratios = times.map(({ ours, byHand }) => ours / byHand).sort((a, b) => a - b)
  console.log(
    `one at a time: ${ratios[ratios.length >> 1]!.toFixed(2)} times three transactions by hand (goal: 1.5)`,
  )
  await runtime.stop()
  await storage.close()
  raw.close()
}

async function measureRecovery() {
  const file = newFile()
  const storage = sqliteStorage({ file })
  const first = await open(storage, waiting)
  await timed(unfinished, 200, () => first.invoke('bench', 'on', {}))
  await first.stop()
  const readStartedAt = performance.now()
  for (let round = 0; round < 3; round++) {
    for (let after: string | undefined; ;) {
      const page = await storage.scan({
        prefix: 'run/',
        limit: 500,
        ...(after === undefined ? {} : { after }),
      })
      if (page.length < 500) break
      after = page.at(-1)!.key
    }
  }
  const reading = performance.now() - readStartedAt
  const startedAt = performance.now()
  const second = await open(storage, waiting)
  const recovering = performance.now() - startedAt
  console.log(
    `recovery of ${second.listAllRuns().length} runs: ${recovering.toFixed(0)} ms; reading their rows three times: ${reading.toFixed(0)} ms`,
  )
  await second.stop()
  await storage.close()
}

await measureOneByOne()
await measureRuns(1)
await measureRuns(50)
await measureRecovery()
rmSync(folder, { recursive: true })
