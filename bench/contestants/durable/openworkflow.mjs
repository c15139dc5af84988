/** openworkflow on a SQLite file: all runs are enqueued, then a worker does 50 at a time. Both are timed. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { OpenWorkflow } from 'openworkflow'
import { BackendSqlite } from 'openworkflow/sqlite'
import { report } from '../stopwatch.mjs'
import { CONCURRENCY, STAGES, work } from './orders.mjs'

const RUNS = 600
const folder = mkdtempSync(join(tmpdir(), 'busline-bench-'))
const backend = BackendSqlite.connect(join(folder, 'runs.db'))
const client = new OpenWorkflow({ backend })
let done = 0
let finish
const orders = client.defineWorkflow({ name: 'orders' }, async ({ step }) => {
  const state = {}
  for (const stage of STAGES) Object.assign(state, await step.run({ name: stage }, () => work(stage)))
  if (++done === RUNS) finish()
  return state
})
const worker = client.newWorker({ concurrency: CONCURRENCY })
const finished = new Promise((resolve) => (finish = resolve))
const startedAt = performance.now()
await Promise.all(Array.from({ length: RUNS }, () => orders.run({})))
await worker.start()
await finished
report((RUNS / (performance.now() - startedAt)) * 1000)
await worker.stop()
await backend.stop()
rmSync(folder, { recursive: true })
