/** openworkflow on a SQLite file: all runs are enqueued, then a worker does 50 at a time. Both are timed. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { leaveOut, report } from '../stopwatch.mjs'
import { CONCURRENCY, STAGES, work } from './orders.mjs'
import { ENGINE } from './sqlite-engine.mjs'

const RUNS = 600

if (ENGINE === 'node:sqlite') await measure()
else leaveOut('it needs node:sqlite, which Node has from 22.13 on')

async function measure() {
  const { OpenWorkflow } = await import('openworkflow')
  const { BackendSqlite } = await import('openworkflow/sqlite')
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
  report((RUNS / (performance.now() - startedAt)) * 1000, ENGINE)
  await worker.stop()
  await backend.stop()
  rmSync(folder, { recursive: true })
}
