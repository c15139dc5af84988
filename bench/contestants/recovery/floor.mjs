/**
 * `node floor.mjs [records]`: the rows of the runs read three times by hand, a page of 500 after the other, and what is
 * in them: of each run its claim, its record and its timeline, seven rows; or its record alone.
 */
import { parkedRuns } from './parked.mjs'
import { report } from '../stopwatch.mjs'

const { DatabaseSync } = process.getBuiltinModule('node:sqlite') ?? {}
const Database = DatabaseSync ?? (await import('libsql')).default

const isRecordsOnly = process.argv[2] === 'records'
const { file, count, remove } = parkedRuns()
const database = new Database(file)
const read = database.prepare(
  'SELECT key, json FROM busline_records WHERE key > ? AND key < ? ORDER BY key LIMIT 500',
)
let found = 0
const startedAt = performance.now()
for (let time = 0; time < 3; time++) {
  for (const kind of isRecordsOnly ? ['run'] : ['claim', 'run', 'timeline']) {
    for (let after = `${kind}/`; ;) {
      const page = read.all(after, `${kind}/~`)
      for (const { json } of page) if (JSON.parse(json)) found++
      if (page.length < 500) break
      after = page.at(-1).key
    }
  }
}
report(performance.now() - startedAt)
const rows = isRecordsOnly ? 1 : 7
if (found !== 3 * rows * count) throw new Error(`${found} rows were read`)
database.close()
remove()
