/**
 * `node sqlite-by-hand.mjs [commits | three]`: what Busline writes, written by hand, so many (50) commits in a transaction, the
 * text made before. `three`: what one run after the other writes, in three transactions each: what it begins with
 * in that of its first stage.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { report } from '../stopwatch.mjs'
import { CONCURRENCY, grouped, recordCommits } from './orders.mjs'
import { ENGINE, openByHand } from './sqlite-engine.mjs'

const [variant = String(CONCURRENCY)] = process.argv.slice(2)
const size = variant === 'three' ? 1 : Number(variant)
const RUNS = size === 1 ? 2000 : 4000
const commits = await recordCommits(RUNS, size)
if (commits.length !== 4 * RUNS) throw new Error(`${RUNS} runs made ${commits.length} commits`)
const groups = variant === 'three' ? inThrees(commits) : grouped(commits, size)
const folder = mkdtempSync(join(tmpdir(), 'busline-bench-'))
const database = await openByHand(join(folder, 'runs.db'))
database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
database.exec('CREATE TABLE r (key TEXT PRIMARY KEY NOT NULL, json TEXT NOT NULL, checksum INTEGER NOT NULL)')
const put = database.prepare(
  'INSERT INTO r VALUES (?, ?, 1) ON CONFLICT (key) DO UPDATE SET json = excluded.json, checksum = excluded.checksum',
)
const remove = database.prepare('DELETE FROM r WHERE key = ?')
const removeRange = database.prepare('DELETE FROM r WHERE key >= ? AND key < ?')

const startedAt = performance.now()
for (const operations of groups) {
  database.exec('BEGIN IMMEDIATE')
  for (const { type, key, json, prefix } of operations) {
    if (type === 'put') put.run(key, json)
    else if (type === 'delete') remove.run(key)
    else removeRange.run(prefix, `${prefix}\uffff`)
  }
  database.exec('COMMIT')
}
report((RUNS / (performance.now() - startedAt)) * 1000, ENGINE)
database.close()
rmSync(folder, { recursive: true })

/** Of four commits of each run the first two share a transaction. */
function inThrees(commits) {
  const groups = []
  for (let at = 0; at < commits.length; at += 4) {
    groups.push([...commits[at], ...commits[at + 1]], commits[at + 2], commits[at + 3])
  }
  return groups
}
