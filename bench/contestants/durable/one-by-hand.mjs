/** Three transactions for each run, by hand: each stores the one record of what is kept so far, and is flushed. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ratePerSecond, report } from '../stopwatch.mjs'
import { STAGES, work } from './orders.mjs'
import { ENGINE, openByHand } from './sqlite-engine.mjs'

const folder = mkdtempSync(join(tmpdir(), 'busline-bench-'))
const database = await openByHand(join(folder, 'runs.db'))
database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
database.exec('CREATE TABLE r (key TEXT PRIMARY KEY NOT NULL, json TEXT NOT NULL)')
const put = database.prepare(
  'INSERT INTO r VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET json = excluded.json',
)

const figure = await ratePerSecond(
  async (runs) => {
    for (let each = 0; each < runs; each++) {
      const key = crypto.randomUUID()
      const state = {}
      for (const stage of STAGES) {
        Object.assign(state, await work(stage))
        database.exec('BEGIN IMMEDIATE')
        put.run(key, JSON.stringify(state))
        database.exec('COMMIT')
      }
    }
  },
  { batch: 1 },
)
report(figure, ENGINE)
database.close()
rmSync(folder, { recursive: true })
