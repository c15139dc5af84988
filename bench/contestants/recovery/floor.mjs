/** The rows of the runs read three times by hand, a page of 500 after the other, and what is in them. */
import { parkedRuns } from './parked.mjs'
import { report } from '../stopwatch.mjs'

const { DatabaseSync } = process.getBuiltinModule('node:sqlite') ?? {}
const Database = DatabaseSync ?? (await import('libsql')).default

const { file, count, remove } = parkedRuns()
const database = new Database(file)
const read = database.prepare(
  'SELECT key, json FROM busline_records WHERE key > ? AND key < ? ORDER BY key LIMIT 500',
)
const first = `${read.all('run', 'run~')[0].key.slice(0, 4)}`
let found = 0
const startedAt = performance.now()
for (let time = 0; time < 3; time++) {
  for (let after = first; ;) {
    const page = read.all(after, `${first}~`)
    for (const { json } of page) if (JSON.parse(json)) found++
    if (page.length < 500) break
    after = page.at(-1).key
  }
}
report(performance.now() - startedAt)
if (found !== 3 * count) throw new Error(`${found} rows were read`)
database.close()
remove()
